import { queryOptions } from '@tanstack/react-query'
import type { z } from 'zod'
import {
  type Assignment,
  type assignmentSave,
  modelsView,
  type ProviderSave,
  providerTest,
} from '../../../api/contract/models.ts'
import { nothing, request } from './request.ts'

export const modelsQuery = queryOptions({
  queryKey: ['models'],
  queryFn: ({ signal }) => request('/models', modelsView, { signal }),
})

export const saveProvider = (id: string, body: ProviderSave) =>
  request(`/models/providers/${id}`, nothing, { method: 'PUT', body })
export const removeProvider = (id: string) => request(`/models/providers/${id}`, nothing, { method: 'DELETE' })
export const testProvider = (id: string) => request(`/models/providers/${id}/test`, providerTest, { method: 'POST' })

/** Two nulls clear the slot. */
export const assignModel = (slot: Assignment['slot'], body: z.input<typeof assignmentSave>) =>
  request(`/models/assignments/${slot}`, modelsView, { method: 'PUT', body })
