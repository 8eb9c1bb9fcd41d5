import { queryOptions } from '@tanstack/react-query'
import { diskReport } from '../../../api/contract/health.ts'
import { doctorReport } from '../../../api/contract/programs/runner.ts'
import { request } from './request.ts'

export const healthQuery = queryOptions({
  queryKey: ['health'],
  queryFn: ({ signal }) => request('/doctor', doctorReport, { signal }),
})

export const diskQuery = queryOptions({
  queryKey: ['disk'],
  queryFn: ({ signal }) => request('/disk', diskReport, { signal }),
})
