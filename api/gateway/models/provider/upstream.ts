import type { Readable } from 'node:stream'
import { Pool } from 'undici'
import type { Provider } from '../../../contract/models.ts'
import { createProviderConnect, staysLocal } from './connect.ts'

/** A provider's answer as it arrives. `body` ends, or fails, with the answer. */
export interface UpstreamAnswer {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: Readable
}

export interface UpstreamCall {
  provider: Provider
  /** Path below the provider's base URL, such as `/v1/messages`. */
  path: string
  headers: Record<string, string>
  body: string
  signal: AbortSignal
}

export interface UpstreamTimeouts {
  connectMs: number
  /** Until the answer begins, and between two pieces of it: agents stream for half an hour with long silences. */
  silenceMs: number
}
export const USUAL_TIMEOUTS: UpstreamTimeouts = { connectMs: 10_000, silenceMs: 15 * 60_000 }

/** Connections to one provider from one sandbox: neither too few for parallel agents nor enough to starve others. */
const CONNECTIONS = 16

/**
 * Keep-alive connections to providers. One of these belongs to one sandbox: a connection is never shared between sandboxes,
 * nor between two base URLs, places or keys of a provider (H20, test/CASES.md). Redirects are not followed. TLS trusts what Node trusts
 * (NODE_EXTRA_CA_CERTS included).
 */
export function createUpstream(timeouts: UpstreamTimeouts = USUAL_TIMEOUTS) {
  const pools = new Map<string, Pool>()

  function poolOf(provider: Provider, origin: string, credential: string): Pool {
    const name = `${provider.id} ${origin} ${staysLocal(provider)} ${credential}`
    const known = pools.get(name)
    if (known) return known
    for (const [other, pool] of pools) {
      if (!other.startsWith(`${provider.id} `)) continue
      pools.delete(other)
      void pool.close()
    }
    const pool = new Pool(origin, {
      connections: CONNECTIONS,
      pipelining: 1,
      connect: createProviderConnect(provider, { timeoutMs: timeouts.connectMs }),
      headersTimeout: timeouts.silenceMs,
      bodyTimeout: timeouts.silenceMs,
      keepAliveTimeout: 30_000,
    })
    pools.set(name, pool)
    return pool
  }

  return {
    async send({ provider, path, headers, body, signal }: UpstreamCall): Promise<UpstreamAnswer> {
      const base = new URL(provider.baseUrl)
      const credential = headers.authorization ?? headers['x-api-key'] ?? ''
      const answer = await poolOf(provider, base.origin, credential).request({
        method: 'POST',
        path: base.pathname.replace(/\/$/, '') + path,
        headers,
        body,
        signal,
      })
      return { status: answer.statusCode, headers: answer.headers, body: answer.body }
    },
    /** Ends every connection at once, calls in flight included. */
    async close() {
      const closing = [...pools.values()].map((pool) => pool.destroy())
      pools.clear()
      await Promise.all(closing)
    },
  }
}
export type Upstream = ReturnType<typeof createUpstream>
