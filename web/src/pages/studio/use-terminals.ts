import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { prototypesQuery } from '../../client/prototypes.ts'
import { closeTerminal, terminalsQuery } from '../../client/terminals.ts'

const FIRST = 'main'

const freeName = (names: readonly string[]): string => {
  for (let number = 2; ; number++) if (!names.includes(`terminal-${number}`)) return `terminal-${number}`
}

/** Which terminals are on the page, and which of them is shown. `items`: what the server has. */
export const useTerminals = (sandbox: string, items: readonly { name: string; running: boolean }[]) => {
  const queries = useQueryClient()
  const [added, setAdded] = useState<string[]>([])
  const [gone, setGone] = useState<string[]>([])
  const [current, setCurrent] = useState(FIRST)

  const running = items.filter((item) => item.running).map((item) => item.name)
  const names = [...new Set([FIRST, ...running, ...added])].filter((name) => name === FIRST || !gone.includes(name))
  const shown = names.includes(current) ? current : FIRST
  const refresh = () => {
    void queries.invalidateQueries({ queryKey: terminalsQuery(sandbox).queryKey })
    // A terminal may have ended because its workspace did.
    void queries.invalidateQueries({ queryKey: prototypesQuery.queryKey })
  }
  return {
    names,
    shown,
    refresh,
    pick: setCurrent,
    add() {
      const name = freeName([...names, ...items.map((item) => item.name)])
      setAdded([...added, name])
      setGone(gone.filter((one) => one !== name))
      setCurrent(name)
    },
    close(name: string) {
      setGone([...gone, name])
      if (shown === name) setCurrent(FIRST)
      void closeTerminal(sandbox, name)
        .catch(() => undefined)
        .then(refresh)
    },
  }
}
