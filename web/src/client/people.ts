import { queryOptions } from '@tanstack/react-query'
import type { z } from 'zod'
import { type invite, invited, peopleList, person, type personPatch } from '../../../api/contract/people.ts'
import { request } from './request.ts'

export const peopleQuery = queryOptions({
  queryKey: ['people'],
  queryFn: ({ signal }) => request('/people', peopleList, { signal }),
})

export const invitePerson = (body: z.input<typeof invite>) => request('/people', invited, { method: 'POST', body })
export const changePerson = (id: string, body: z.input<typeof personPatch>) =>
  request(`/people/${id}`, person, { method: 'PATCH', body })
export const linkForPerson = (id: string) => request(`/people/${id}/link`, invited, { method: 'POST' })
