import '@xterm/xterm/css/xterm.css'
import { type Ref, useEffect, useImperativeHandle, useRef, useState } from 'react'
import { KeyRow } from './KeyRow.tsx'
import { LinkConfirm } from './LinkConfirm.tsx'
import { StateLine } from './StateLine.tsx'
import styles from './TerminalView.module.css'
import { type TerminalEvents, useTerminal } from './use-terminal.ts'

export interface TerminalHandle {
  /** As if typed. */
  type: (text: string) => void
  focus: () => void
}

interface Props extends TerminalEvents {
  sandbox: string
  name: string
  /** Output before this was there before the page was opened. */
  replayUntil: number
  readAloud: boolean
  ref?: Ref<TerminalHandle>
}

export const TerminalView = ({ sandbox, name, replayUntil, readAloud, ref, ...events }: Props) => {
  const element = useRef<HTMLDivElement>(null)
  const [target, setTarget] = useState<string | null>(null)
  const terminal = useTerminal(element, { sandbox, name, replayUntil, onLink: setTarget }, events)
  const { screen, connection, state } = terminal

  useEffect(() => screen.current?.setReadAloud(readAloud), [screen, readAloud])
  useImperativeHandle(ref, () => ({
    type: (text) => connection.current?.input(text),
    focus: () => screen.current?.focus(),
  }))

  return (
    <div className={styles.terminal}>
      <StateLine state={state} onRetry={() => connection.current?.retry()} onReopen={terminal.reopen} />
      <section ref={element} className={styles.screen} aria-label={`Terminal ${name}`} data-state={state.is} />
      <KeyRow
        ctrl={terminal.ctrl}
        onCtrl={terminal.hold}
        onKeys={(text) => {
          terminal.press(text)
          screen.current?.focus()
        }}
        applicationCursor={() => screen.current?.applicationCursor() ?? false}
      />
      <LinkConfirm target={target} onClose={() => setTarget(null)} />
    </div>
  )
}
