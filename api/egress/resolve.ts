import { lookup, Resolver } from 'node:dns/promises'
import type { Resolve } from './passage.ts'

const TIMEOUT_MS = 5000
const NO_ANSWER = new Set(['ENODATA', 'ENOTFOUND'])

/**
 * Asks the system (`server` null: hosts file, search order and all), or the DNS server `host:port`, for every IPv4 and IPv6
 * address of a canonical name. Rejects with `code: 'ETIMEOUT'` when nobody answers in 5 s.
 */
export function createResolve(server: string | null, timeoutMs = TIMEOUT_MS): Resolve {
  if (server === null) return (host) => within(timeoutMs, system(host))
  const resolver = new Resolver({ timeout: Math.ceil(timeoutMs / 3), tries: 2 })
  resolver.setServers([server])
  return (host) => within(timeoutMs, asked(resolver, host))
}

async function system(host: string): Promise<string[]> {
  // The trailing dot keeps search domains out: `example.com` must not become `example.com.corp.internal` where both exist.
  // The hosts file knows no trailing dots, so names that stand only there are asked for once more without.
  const found = await lookup(`${host}.`, { all: true, order: 'verbatim' }).catch(() =>
    lookup(host, { all: true, order: 'verbatim' }),
  )
  return found.map(({ address }) => address)
}

async function asked(resolver: Resolver, host: string): Promise<string[]> {
  const [v4, v6] = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)])
  // One family may well have no answer; but a failure of one must not hide an address that would have been refused.
  for (const answer of [v4, v6]) {
    if (answer.status === 'rejected' && !NO_ANSWER.has(String(answer.reason?.code))) throw answer.reason
  }
  return [v4, v6].flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
}

function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  return new Promise((done, failed) => {
    const late = Object.assign(new Error('The name server did not answer in time.'), { code: 'ETIMEOUT' })
    const timer = setTimeout(() => failed(late), timeoutMs)
    work.then(done, failed).finally(() => clearTimeout(timer))
  })
}
