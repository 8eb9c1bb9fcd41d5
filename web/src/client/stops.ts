import { queryOptions } from '@tanstack/react-query'
import { z } from 'zod'
import { hold, holdList, type stopOrder } from '../../../api/contract/holds.ts'
import type { HoldId } from '../../../api/contract/ids.ts'
import { nothing, request } from './request.ts'

/** Stops what the order covers; the hold where it is one. */
export const stop = (order: z.input<typeof stopOrder>) =>
  request('/kill', z.union([hold, nothing]), { method: 'POST', body: order })

/** For security and admins: every hold in force, newest first. */
export const holdsQuery = queryOptions({
  queryKey: ['holds'],
  queryFn: ({ signal }) => request('/holds', holdList, { signal }),
  refetchInterval: 10_000,
})

export const releaseHold = (id: HoldId) => request(`/holds/${id}`, nothing, { method: 'DELETE' })
