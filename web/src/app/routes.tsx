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
import { RequestFailed } from '../client/request.ts'
import { holds, meQuery } from '../client/session.ts'
import { NotFound } from '../pages/not-found/NotFound.tsx'
import { PageBroke } from '../pages/not-found/PageBroke.tsx'
import { Prototypes } from '../pages/prototypes/Prototypes.tsx'
import { Setup } from '../pages/sign-in/Setup.tsx'
import { SignIn } from '../pages/sign-in/SignIn.tsx'
import { Shell } from './Shell.tsx'

const root = createRootRouteWithContext<{ queries: QueryClient }>()({ component: Outlet })

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
    throw redirect({ to: !holds(context.me, 'pm', 'admin') && holds(context.me, 'security') ? '/now' : '/prototypes' })
  },
})
const prototypes = createRoute({ ...parent, path: '/prototypes', component: Prototypes })
const studio = createRoute({
  ...parent,
  path: '/prototypes/$id',
  component: lazyRouteComponent(() => import('../pages/studio/Studio.tsx'), 'Studio'),
})
const now = createRoute({
  ...parent,
  path: '/now',
  beforeLoad: only('security'),
  component: lazyRouteComponent(() => import('../pages/now/Now.tsx'), 'Now'),
})
const models = createRoute({
  ...parent,
  path: '/models',
  beforeLoad: only('admin'),
  component: lazyRouteComponent(() => import('../pages/models/Models.tsx'), 'Models'),
})
const people = createRoute({
  ...parent,
  path: '/people',
  beforeLoad: only('admin'),
  component: lazyRouteComponent(() => import('../pages/people/People.tsx'), 'People'),
})
const policies = createRoute({
  ...parent,
  path: '/policies',
  beforeLoad: only('admin', 'security'),
  component: lazyRouteComponent(() => import('../pages/policies/Policies.tsx'), 'Policies'),
})
const health = createRoute({
  ...parent,
  path: '/health',
  beforeLoad: only('admin'),
  component: lazyRouteComponent(() => import('../pages/health/Health.tsx'), 'Health'),
})
const account = createRoute({
  ...parent,
  path: '/account',
  component: lazyRouteComponent(() => import('../pages/account/Account.tsx'), 'Account'),
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

/** Answers worth asking for again by themselves: only those that never came. */
const retry = (count: number, error: Error) => error instanceof RequestFailed && error.code === 'offline' && count < 2

export const createQueries = (): QueryClient => {
  const queries: QueryClient = new QueryClient({
    defaultOptions: { queries: { retry, staleTime: 5000 }, mutations: { retry: false } },
    queryCache: new QueryCache({
      onError: (error) => {
        if (error instanceof RequestFailed && error.code === 'unauthenticated')
          queries.setQueryData(meQuery.queryKey, null)
      },
    }),
  })
  return queries
}
