import { queryOptions } from '@tanstack/react-query'
import type { z } from 'zod'
import {
  type PrototypeView,
  type prototypeCreate,
  prototypeList,
  prototypeView,
  type SandboxState,
} from '../../../api/contract/prototypes.ts'
import { nothing, request } from './request.ts'

const changing: readonly SandboxState[] = ['building', 'starting', 'proving']

/** Still on its way to being usable. */
export const isGettingReady = (state: SandboxState): boolean => changing.includes(state)
/** A terminal can be opened in it. */
export const isUsable = (state: SandboxState): boolean => state === 'claimed' || state === 'ready'
/** Does things now, so that it can be stopped. */
export const isRunning = (state: SandboxState): boolean =>
  isGettingReady(state) || isUsable(state) || state === 'paused'

/** How long until the next look: often while something is being built. */
const pace = (items: readonly PrototypeView[]): number =>
  items.some((item) => isGettingReady(item.sandbox.state)) ? 1000 : 10_000

export const prototypesQuery = queryOptions({
  queryKey: ['prototypes'],
  queryFn: ({ signal }) => request('/prototypes?limit=100', prototypeList, { signal }),
  refetchInterval: (query) => pace(query.state.data?.items ?? []),
})

/** For security: everybody's, to see what runs. */
export const everyPrototypeQuery = queryOptions({
  queryKey: ['prototypes', 'of everyone'],
  queryFn: ({ signal }) => request('/prototypes?of=everyone&limit=100', prototypeList, { signal }),
  refetchInterval: 3000,
})

export const prototypeQuery = (id: string) =>
  queryOptions({
    queryKey: ['prototypes', id],
    queryFn: ({ signal }) => request(`/prototypes/${id}`, prototypeView, { signal }),
    refetchInterval: (query) => pace(query.state.data ? [query.state.data] : []),
  })

/** `key` makes a repeated press, or a retry after a lost answer, the same prototype. */
export const createPrototype = (body: z.input<typeof prototypeCreate>, key: string) =>
  request('/prototypes', prototypeView, { method: 'POST', body, headers: { 'idempotency-key': key } })

/** Starts what was stopped or fell asleep; its files are still there. */
export const startSandbox = (id: string) => request(`/sandboxes/${id}/start`, nothing, { method: 'POST' })

export const removePrototype = (id: string) => request(`/prototypes/${id}`, nothing, { method: 'DELETE' })
