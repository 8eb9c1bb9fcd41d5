import type { QueryClient } from '@tanstack/react-query'
import { queryOptions } from '@tanstack/react-query'
import { z } from 'zod'
import {
  type apiTokenCreate,
  apiTokenCreated,
  apiTokenList,
  me,
  type mePatch,
  type Role,
  signIn,
} from '../../../api/contract/people.ts'
import { nothing, RequestFailed, request } from './request.ts'

export type Me = z.output<typeof me>

/** Who is signed in; null when nobody is. */
export const meQuery = queryOptions({
  queryKey: ['me'],
  queryFn: async ({ signal }): Promise<Me | null> => {
    try {
      return await request('/me', me, { signal })
    } catch (error) {
      if (error instanceof RequestFailed && error.code === 'unauthenticated') return null
      throw error
    }
  },
  staleTime: 60_000,
})

export const startSession = (body: z.input<typeof signIn>) =>
  request('/sessions', z.unknown(), { method: 'POST', body: signIn.parse(body) })

/** Signs out and forgets everything that the person could see. */
export const endSession = async (queries: QueryClient): Promise<void> => {
  await request('/sessions', z.unknown(), { method: 'DELETE' })
  queries.clear()
}

export const changeMe = (body: z.input<typeof mePatch>) => request('/me', me, { method: 'PATCH', body })

export const tokensQuery = queryOptions({
  queryKey: ['me', 'tokens'],
  queryFn: ({ signal }) => request('/tokens', apiTokenList, { signal }),
})
export const createToken = (body: z.input<typeof apiTokenCreate>) =>
  request('/tokens', apiTokenCreated, { method: 'POST', body })
export const revokeToken = (id: string) => request(`/tokens/${id}`, nothing, { method: 'DELETE' })

export const holds = (who: Me | null | undefined, ...roles: Role[]): boolean =>
  roles.some((role) => who?.person.roles.includes(role))
