import { queryOptions } from '@tanstack/react-query'
import { doctorReport } from '../../../api/contract/programs/runner.ts'
import { request } from './request.ts'

export const healthQuery = queryOptions({
  queryKey: ['health'],
  queryFn: ({ signal }) => request('/doctor', doctorReport, { signal }),
})
