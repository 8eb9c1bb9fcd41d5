import { useQuery } from '@tanstack/react-query'
import { useRef, useState } from 'react'
import type { z } from 'zod'
import type { terminalList } from '../../../../api/contract/terminal.ts'
import { terminalsQuery } from '../../client/terminals.ts'
import { Ready } from '../../components/feedback/Waiting.tsx'
import { type TerminalHandle, TerminalView } from '../../modules/terminal/TerminalView.tsx'
import { HowToStart } from './HowToStart.tsx'
import { Tabs } from './Tabs.tsx'
import styles from './Terminals.module.css'
import { useTerminals } from './use-terminals.ts'

/** The terminals of a workspace. */
export const Terminals = ({ sandbox }: { sandbox: string }) => {
  const query = useQuery({
    ...terminalsQuery(sandbox),
    staleTime: Number.POSITIVE_INFINITY,
    // Those of a workspace that was rebuilt meanwhile are others.
    gcTime: 0,
    refetchOnWindowFocus: false,
  })
  return (
    <Ready query={query} bones={<div className={styles.stage} role="status" aria-label="Loading" />}>
      {({ items }) => <Stage sandbox={sandbox} items={items} />}
    </Ready>
  )
}

/** One terminal on the screen at a time. The others keep running where they are. */
const Stage = ({ sandbox, items }: { sandbox: string; items: z.output<typeof terminalList>['items'] }) => {
  const { names, shown, refresh, pick, add, close } = useTerminals(sandbox, items)
  const [titles, setTitles] = useState<Record<string, string>>({})
  const [fullScreen, setFullScreen] = useState<string | null>(null)
  const [readAloud, setReadAloud] = useState(false)
  const terminal = useRef<TerminalHandle>(null)
  const tabs = useRef<HTMLDivElement>(null)
  const past = items.find((item) => item.name === shown && item.running)
  return (
    <div className={styles.stage}>
      <Tabs
        ref={tabs}
        names={names}
        current={shown}
        titles={titles}
        readAloud={readAloud}
        onReadAloud={setReadAloud}
        onPick={pick}
        onAdd={add}
        onClose={close}
      />
      <div className={styles.panel} role="tabpanel" id="terminal-panel" aria-labelledby={`tab-${shown}`}>
        <TerminalView
          key={shown}
          ref={terminal}
          sandbox={sandbox}
          name={shown}
          replayUntil={past?.offset ?? 0}
          readAloud={readAloud}
          onTitle={(title) => setTitles((known) => ({ ...known, [shown]: title }))}
          onFullScreen={(full) => setFullScreen(full ? shown : null)}
          onLeave={() => tabs.current?.querySelector<HTMLElement>('[aria-selected="true"]')?.focus()}
          onEnded={refresh}
        />
      </div>
      <HowToStart
        inUse={fullScreen === shown}
        onType={(text) => {
          terminal.current?.type(text)
          terminal.current?.focus()
        }}
      />
    </div>
  )
}
