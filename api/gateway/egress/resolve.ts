import { lookup, Resolver } from 'node:dns/promises'

/** Every address of a name, or an error; `code: 'ETIMEOUT'` when the name server was silent. */
export type Resolve = (host: string) => Promise<string[]>

const TIMEOUT_MS = 5000
const NO_ANSWER = new Set(['ENODATA', 'ENOTFOUND'])

/**
 * Asks the system (`server` null: hosts file, search order and all), or the DNS server `host:port`, for every IPv4 and IPv6
 * address of a canonical name. Rejects with `code: 'ETIMEOUT'` when a DNS server is silent for `timeoutMs`; the system takes as
 * long as it likes. Callers set their own limit, and count a look-up until it has really ended (createLookups).
 */
export function createResolve(server: string | null, timeoutMs = TIMEOUT_MS): Resolve {
  if (server === null) return shareLookups(askSystem)
  const resolver = new Resolver({ timeout: Math.ceil(timeoutMs / 3), tries: 2 })
  resolver.setServers([server])
  return shareLookups((host) => askServer(resolver, host))
}

async function askSystem(host: string): Promise<string[]> {
  // The trailing dot keeps search domains out: `example.com` must not become `example.com.corp.internal` where both exist.
  // The hosts file knows no trailing dots, so names that stand only there are asked for once more without.
  const found = await lookup(`${host}.`, { all: true, order: 'verbatim' }).catch(() =>
    lookup(host, { all: true, order: 'verbatim' }),
  )
  return found.map(({ address }) => address)
}

async function askServer(resolver: Resolver, host: string): Promise<string[]> {
  const [v4, v6] = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)])
  // One family may well have no answer; but a failure of one must not hide an address that would have been refused.
  for (const answer of [v4, v6]) {
    if (answer.status === 'rejected' && !NO_ANSWER.has(String(answer.reason?.code))) throw answer.reason
  }
  return [v4, v6].flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
}

/** Joins questions about the same name while the first of them is on its way. */
function shareLookups(resolve: Resolve): Resolve {
  const asked = new Map<string, Promise<string[]>>()
  return (host) => {
    const known = asked.get(host)
    if (known) return known
    const answer = resolve(host).finally(() => asked.delete(host))
    asked.set(host, answer)
    return answer
  }
}

/**
 * One sandbox's look-ups, `atOnce` of them at a time. The system's resolver has two threads for all sandboxes, and what was
 * given up still holds one: a place is free again when the look-up itself has ended. Rejects with `code: 'ETIMEOUT'` after
 * `timeoutMs`, the wait for a place included.
 */
export function createLookups(resolve: Resolve, atOnce: number, timeoutMs: number): Resolve {
  const waiting = new Set<() => void>()
  let open = 0

  function next() {
    for (const start of waiting) {
      if (open >= atOnce) return
      waiting.delete(start)
      start()
    }
  }

  const placed: Resolve = (host) =>
    new Promise((done, failed) => {
      const start = async () => {
        open++
        try {
          done(await resolve(host))
        } catch (error) {
          failed(error)
        }
        open--
        next()
      }
      waiting.add(start)
      next()
    })
  const shared = shareLookups(placed)
  return (host) => within(timeoutMs, shared(host))
}

function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  return new Promise((done, failed) => {
    const late = Object.assign(new Error('The name server did not answer in time.'), { code: 'ETIMEOUT' })
    const timer = setTimeout(() => failed(late), timeoutMs)
    work.then(done, failed).finally(() => clearTimeout(timer))
  })
}
