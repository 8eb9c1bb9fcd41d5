import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useRef, useState } from 'react'
import { closeTerminal, terminalsQuery } from '../../client/terminals.ts'
import { Ready } from '../../components/feedback/Waiting.tsx'
import { type TerminalHandle, TerminalView } from '../../modules/terminal/TerminalView.tsx'
import { HowToStart } from './HowToStart.tsx'
import { Tabs } from './Tabs.tsx'
import styles from './Terminals.module.css'

const FIRST = 'main'

const freeName = (names: readonly string[]): string => {
  for (let number = 2; ; number++) if (!names.includes(`terminal-${number}`)) return `terminal-${number}`
}

/** The terminals of a workspace, one on the screen at a time. The others go on where they run. */
export const Terminals = ({ sandbox }: { sandbox: string }) => {
  const queries = useQueryClient()
  const query = useQuery({
    ...terminalsQuery(sandbox),
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
  })
  const [added, setAdded] = useState<string[]>([])
  const [gone, setGone] = useState<string[]>([])
  const [current, setCurrent] = useState(FIRST)
  const [titles, setTitles] = useState<Record<string, string>>({})
  const [fullScreen, setFullScreen] = useState<string | null>(null)
  const [readAloud, setReadAloud] = useState(false)
  const terminal = useRef<TerminalHandle>(null)
  const tabs = useRef<HTMLDivElement>(null)

  return (
    <Ready query={query} bones={<div className={styles.stage} role="status" aria-label="Loading" />}>
      {({ items }) => {
        const running = items.filter((item) => item.running).map((item) => item.name)
        const names = [...new Set([FIRST, ...running, ...added])].filter(
          (name) => name === FIRST || !gone.includes(name),
        )
        const shown = names.includes(current) ? current : FIRST
        const past = items.find((item) => item.name === shown && item.running)
        const add = () => {
          const name = freeName([...names, ...items.map((item) => item.name)])
          setAdded([...added, name])
          setGone(gone.filter((one) => one !== name))
          setCurrent(name)
        }
        const close = (name: string) => {
          setGone([...gone, name])
          if (shown === name) setCurrent(FIRST)
          void closeTerminal(sandbox, name)
            .catch(() => undefined)
            .then(() => queries.invalidateQueries({ queryKey: terminalsQuery(sandbox).queryKey }))
        }
        return (
          <div className={styles.stage}>
            <Tabs
              ref={tabs}
              names={names}
              current={shown}
              titles={titles}
              readAloud={readAloud}
              onReadAloud={setReadAloud}
              onPick={setCurrent}
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
                onEnded={() => void queries.invalidateQueries({ queryKey: terminalsQuery(sandbox).queryKey })}
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
      }}
    </Ready>
  )
}
