import '@xterm/xterm/css/xterm.css'
import { type Ref, useEffect, useImperativeHandle, useRef, useState } from 'react'
import { KeyRow } from './KeyRow.tsx'
import { LinkConfirm } from './LinkConfirm.tsx'
import { createLink, type Link, type LinkState } from './line/connection.ts'
import { StateLine } from './StateLine.tsx'
import { createScreen, type Screen } from './screen.ts'
import styles from './TerminalView.module.css'

export interface TerminalHandle {
  /** As if typed. */
  type: (text: string) => void
  focus: () => void
}

interface Props {
  sandbox: string
  name: string
  /** Output before this was there before the page was opened. */
  replayUntil: number
  readAloud: boolean
  onTitle: (title: string) => void
  onFullScreen: (on: boolean) => void
  onLeave: () => void
  onEnded: () => void
  ref?: Ref<TerminalHandle>
}

const control = (text: string): string => {
  const code = text.toUpperCase().codePointAt(0) ?? 0
  return text.length === 1 && code >= 64 && code <= 95 ? String.fromCodePoint(code - 64) : text
}

export const TerminalView = ({ sandbox, name, replayUntil, readAloud, ref, ...on }: Props) => {
  const element = useRef<HTMLDivElement>(null)
  const screen = useRef<Screen>(null)
  const link = useRef<Link>(null)
  const held = useRef(false)
  const [ctrl, setCtrl] = useState(false)
  const [state, setState] = useState<LinkState>({ is: 'connecting' })
  const [opening, setOpening] = useState(1)
  const [target, setTarget] = useState<string | null>(null)

  const hold = (on: boolean) => {
    held.current = on
    setCtrl(on)
  }
  const handlers = useRef(on)
  handlers.current = on

  // biome-ignore lint/correctness/useExhaustiveDependencies: one screen for one terminal; where its past ends is asked once
  useEffect(() => {
    if (!element.current) return
    const input = (text: string) => {
      link.current?.input(held.current ? control(text) : text)
      if (held.current) hold(false)
    }
    const shown = createScreen(element.current, opening === 1 ? replayUntil : 0, {
      onInput: input,
      onSize: (size) => link.current?.resize(size),
      onTitle: (title) => handlers.current.onTitle(title),
      onLink: setTarget,
      onFullScreen: (full) => handlers.current.onFullScreen(full),
      onLeave: () => handlers.current.onLeave(),
    })
    const line = createLink(sandbox, name, shown, (next) => {
      setState(next)
      shown.setInput(next.is === 'open')
      if (next.is === 'ended') handlers.current.onEnded()
    })
    screen.current = shown
    link.current = line
    shown.focus()
    return () => {
      line.close()
      shown.close()
    }
  }, [sandbox, name, opening])

  useEffect(() => screen.current?.setReadAloud(readAloud), [readAloud])
  useImperativeHandle(ref, () => ({
    type: (text) => link.current?.input(text),
    focus: () => screen.current?.focus(),
  }))

  return (
    <div className={styles.terminal}>
      <StateLine state={state} onRetry={() => link.current?.retry()} onReopen={() => setOpening(opening + 1)} />
      <section ref={element} className={styles.screen} aria-label={`Terminal ${name}`} data-state={state.is} />
      <KeyRow
        ctrl={ctrl}
        onCtrl={hold}
        onKeys={(text) => {
          link.current?.input(held.current ? control(text) : text)
          if (held.current) hold(false)
          screen.current?.focus()
        }}
        applicationCursor={() => screen.current?.applicationCursor() ?? false}
      />
      <LinkConfirm target={target} onClose={() => setTarget(null)} />
    </div>
  )
}
