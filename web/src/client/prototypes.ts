import { queryOptions } from '@tanstack/react-query'
import type { z } from 'zod'
import {
  type PrototypeView,
  type prototypeCreate,
  prototypeList,
  prototypeView,
  type SandboxState,
} from '../../../api/contract/prototypes.ts'
import { isMissing, nothing, request } from './request.ts'

const changing: readonly SandboxState[] = ['building', 'starting', 'proving']

/** Still on its way to being usable. */
export const isGettingReady = (state: SandboxState): boolean => changing.includes(state)
/** A terminal can be opened in it. */
export const isUsable = (state: SandboxState): boolean => state === 'claimed' || state === 'ready'
/** How long until the next look: often while something is being built, soon while nothing is known yet. */
const lookAgainMs = (items: readonly PrototypeView[] | undefined): number => {
  if (!items) return 3000
  return items.some((item) => isGettingReady(item.sandbox.state)) ? 1000 : 10_000
}

export const prototypesQuery = queryOptions({
  queryKey: ['prototypes'],
  queryFn: ({ signal }) => request('/prototypes?limit=100', prototypeList, { signal }),
  refetchInterval: (query) => lookAgainMs(query.state.data?.items),
})

/** For security: what runs, whoever owns it. */
export const runningQuery = queryOptions({
  queryKey: ['prototypes', 'running'],
  queryFn: async ({ signal }) => {
    const running: PrototypeView[] = []
    let cursor: string | null = null
    do {
      const from: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`
      const page = await request(`/sandboxes?limit=100${from}`, prototypeList, { signal })
      running.push(...page.items)
      cursor = page.cursor
    } while (cursor !== null)
    return running
  },
  refetchInterval: 3000,
})

export const prototypeQuery = (id: string) =>
  queryOptions({
    queryKey: ['prototypes', id],
    queryFn: ({ signal }) => request(`/prototypes/${id}`, prototypeView, { signal }),
    // What is missing is not asked for again: each time would be a refusal in the log.
    refetchInterval: (query) => !isMissing(query.state.error) && lookAgainMs(query.state.data && [query.state.data]),
    refetchOnWindowFocus: (query) => !isMissing(query.state.error),
    refetchOnReconnect: (query) => !isMissing(query.state.error),
  })

/** `key` makes a repeated press, or a retry after a lost answer, the same prototype. */
export const createPrototype = (body: z.input<typeof prototypeCreate>, key: string) =>
  request('/prototypes', prototypeView, { method: 'POST', body, headers: { 'idempotency-key': key } })

/** Starts what was stopped or fell asleep; its files are still there. */
export const startSandbox = (id: string) => request(`/sandboxes/${id}/start`, nothing, { method: 'POST' })

/** Starts it again with what a newer version of its policy allows; its files are still there. */
export const applyPolicy = (id: string) => request(`/sandboxes/${id}/apply-policy`, nothing, { method: 'POST' })

export const removePrototype = (id: string) => request(`/prototypes/${id}`, nothing, { method: 'DELETE' })
