import { MantineProvider } from '@mantine/core'
import { Notifications } from '@mantine/notifications'
import { type QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import type { BacklotRouter } from './routes.tsx'
import { theme } from './theme.ts'

export const App = ({ queries, router }: { queries: QueryClient; router: BacklotRouter }) => (
  <MantineProvider theme={theme} defaultColorScheme="auto" withCssVariables={false} withGlobalClasses={false}>
    <QueryClientProvider client={queries}>
      <RouterProvider router={router} />
      <Notifications position="bottom-right" autoClose={6000} />
    </QueryClientProvider>
  </MantineProvider>
)
