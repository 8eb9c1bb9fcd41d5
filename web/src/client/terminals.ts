import { queryOptions } from '@tanstack/react-query'
import { terminalList, ticket } from '../../../api/contract/terminal.ts'
import { nothing, request } from './request.ts'

export const terminalsQuery = (sandbox: string) =>
  queryOptions({
    queryKey: ['terminals', sandbox],
    queryFn: ({ signal }) => request(`/sandboxes/${sandbox}/terminals`, terminalList, { signal }),
  })

export const terminalTicket = (sandbox: string, name: string) =>
  request(`/sandboxes/${sandbox}/terminals/${name}/ticket`, ticket, { method: 'POST' })

export const closeTerminal = (sandbox: string, name: string) =>
  request(`/sandboxes/${sandbox}/terminals/${name}`, nothing, { method: 'DELETE' })

/** Where the WebSocket of a terminal is. `offset` = how many output bytes this screen has already; without it the last MiB comes. */
export const terminalAddress = (
  sandbox: string,
  name: string,
  query: { ticket: string; offset?: number; cols: number; rows: number },
): string => {
  const address = new URL(`/api/v1/sandboxes/${sandbox}/terminals/${name}`, window.location.href)
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:'
  for (const [key, value] of Object.entries(query)) address.searchParams.set(key, String(value))
  return address.href
}
