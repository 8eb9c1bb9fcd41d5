import { MantineProvider } from '@mantine/core'
import { Notifications } from '@mantine/notifications'
import { QueryClientProvider } from '@tanstack/react-query'
import { createMemoryHistory, createRootRoute, createRouter, RouterContextProvider } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { App } from '../src/app/App.tsx'
import { createBacklotRouter, createQueries } from '../src/app/routes.tsx'
import { theme } from '../src/app/theme.ts'
import styles from './gallery.module.css'
import type { State } from './state.ts'

/** The app as main.tsx makes it, at an address of its own. */
const Whole = ({ at }: { at: string }) => {
  const queries = createQueries()
  const router = createBacklotRouter(queries)
  router.update({ ...router.options, history: createMemoryHistory({ initialEntries: [at] }) })
  return <App queries={queries} router={router} />
}

/** One component in what every component stands in. Links lead nowhere. */
const Piece = ({ children }: { children: ReactNode }) => (
  <MantineProvider theme={theme} defaultColorScheme="auto" withCssVariables={false} withGlobalClasses={false}>
    <QueryClientProvider client={createQueries()}>
      <RouterContextProvider router={createRouter({ routeTree: createRootRoute(), history: createMemoryHistory() })}>
        <main className={styles.piece}>
          <h1 className={styles.hidden}>One component</h1>
          {children}
        </main>
        <Notifications />
      </RouterContextProvider>
    </QueryClientProvider>
  </MantineProvider>
)

export const Shown = ({ state }: { state: State }) =>
  'at' in state ? <Whole at={state.at} /> : <Piece>{state.show()}</Piece>
