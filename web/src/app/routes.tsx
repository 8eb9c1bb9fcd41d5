import { QueryCache, QueryClient } from '@tanstack/react-query'
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  notFound,
  Outlet,
  redirect,
} from '@tanstack/react-router'
import type { Role } from '../../../api/contract/people.ts'
import { isOffline, RequestFailed } from '../client/request.ts'
import { holds, meQuery } from '../client/session.ts'
import { NotFound } from '../pages/not-found/NotFound.tsx'
import { PageBroke } from '../pages/not-found/PageBroke.tsx'
import { Prototypes } from '../pages/prototypes/Prototypes.tsx'
import { Setup } from '../pages/sign-in/Setup.tsx'
import { SignIn } from '../pages/sign-in/SignIn.tsx'
import { homeOf } from './navigation.ts'
import { Shell } from './Shell.tsx'

/** A page's code may not come: Backlot is stopped, or was renewed and the code has other names now. */
const fetched =
  <Code,>(load: () => Promise<Code>) =>
  () =>
    load().catch(() => {
      throw new RequestFailed('offline', 'This page could not be loaded. Check that Backlot is running.')
    })

const root = createRootRouteWithContext<{ queries: QueryClient }>()({
  component: Outlet,
  // Outside of the shell there is no `main` around it.
  notFoundComponent: () => (
    <main>
      <NotFound />
    </main>
  ),
})

const signIn = createRoute({ getParentRoute: () => root, path: '/sign-in', component: SignIn })

const setup = createRoute({
  getParentRoute: () => root,
  path: '/welcome',
  component: Setup,
  beforeLoad: async ({ context }) => {
    const me = await context.queries.ensureQueryData(meQuery)
    if (!me) throw redirect({ to: '/sign-in' })
    if (!me.setupNeeded) throw redirect({ to: '/' })
  },
})

const shell = createRoute({
  getParentRoute: () => root,
  id: 'shell',
  component: Shell,
  beforeLoad: async ({ context, location }) => {
    const me = await context.queries.ensureQueryData(meQuery)
    if (!me)
      throw redirect({ to: '/sign-in', ...(location.pathname === '/' ? {} : { search: { next: location.href } }) })
    if (me.setupNeeded) throw redirect({ to: '/welcome' })
    return { me }
  },
})

const parent = { getParentRoute: () => shell } as const

/** A page that a person's roles do not cover looks like one that is not there. */
const only =
  (...roles: Role[]) =>
  ({ context }: { context: { me: Parameters<typeof holds>[0] } }) => {
    if (!holds(context.me, ...roles)) throw notFound()
  }

const home = createRoute({
  ...parent,
  path: '/',
  beforeLoad: ({ context }) => {
    throw redirect({ to: homeOf(context.me.person.roles) })
  },
})
const prototypes = createRoute({ ...parent, path: '/prototypes', component: Prototypes })
const studio = createRoute({
  ...parent,
  path: '/prototypes/$id',
  component: lazyRouteComponent(
    fetched(() => import('../pages/studio/Studio.tsx')),
    'Studio',
  ),
})
const now = createRoute({
  ...parent,
  path: '/now',
  beforeLoad: only('security'),
  component: lazyRouteComponent(
    fetched(() => import('../pages/now/Now.tsx')),
    'Now',
  ),
})
const models = createRoute({
  ...parent,
  path: '/models',
  beforeLoad: only('admin'),
  component: lazyRouteComponent(
    fetched(() => import('../pages/models/Models.tsx')),
    'Models',
  ),
})
const people = createRoute({
  ...parent,
  path: '/people',
  beforeLoad: only('admin'),
  component: lazyRouteComponent(
    fetched(() => import('../pages/people/People.tsx')),
    'People',
  ),
})
const policies = createRoute({
  ...parent,
  path: '/policies',
  beforeLoad: only('admin', 'security'),
  component: lazyRouteComponent(
    fetched(() => import('../pages/policies/Policies.tsx')),
    'Policies',
  ),
})
const health = createRoute({
  ...parent,
  path: '/health',
  beforeLoad: only('admin'),
  component: lazyRouteComponent(
    fetched(() => import('../pages/health/Health.tsx')),
    'Health',
  ),
})
const account = createRoute({
  ...parent,
  path: '/account',
  component: lazyRouteComponent(
    fetched(() => import('../pages/account/Account.tsx')),
    'Account',
  ),
})

const tree = root.addChildren([
  signIn,
  setup,
  shell.addChildren([home, prototypes, studio, now, models, people, policies, health, account]),
])

export const createBacklotRouter = (queries: QueryClient) =>
  createRouter({
    routeTree: tree,
    context: { queries },
    defaultNotFoundComponent: NotFound,
    defaultErrorComponent: PageBroke,
    defaultPreload: 'intent',
    scrollRestoration: true,
  })
export type BacklotRouter = ReturnType<typeof createBacklotRouter>

declare module '@tanstack/react-router' {
  interface Register {
    router: BacklotRouter
  }
}

const retry = (count: number, error: Error) => isOffline(error) && count < 2
const AGAIN_MS = 3000

export const createQueries = (): QueryClient => {
  const queries: QueryClient = new QueryClient({
    defaultOptions: {
      // 'always': Backlot may be this machine, or near, where the browser knows of no internet.
      queries: {
        retry,
        staleTime: 5000,
        networkMode: 'always',
        refetchInterval: (query) => isOffline(query.state.error) && AGAIN_MS,
      },
      mutations: { retry: false, networkMode: 'always' },
    },
    queryCache: new QueryCache({
      onError: (error) => {
        if (error instanceof RequestFailed && error.code === 'unauthenticated')
          queries.setQueryData(meQuery.queryKey, null)
      },
    }),
  })
  return queries
}
