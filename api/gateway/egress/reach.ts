/** From a name to a connection: resolve once, judge every answer, dial a judged address. */
import type { Socket } from 'node:net'
import type { EgressDenial, EgressFailure } from '../../contract/reasons.ts'
import { classifyAddress } from '../../policy/address.ts'
import type { EgressRequest } from '../../policy/egress.ts'
import type { Resolve } from './resolve.ts'

/** A connected socket to exactly this address, or an error; `code: 'ETIMEDOUT'` after `timeoutMs`. */
export type Dial = (to: { address: string; port: number; timeoutMs: number }) => Promise<Socket>

export interface ReachDeps {
  lookUp: Resolve
  dial: Dial
  /** This machine's addresses, now. */
  own: () => ReadonlySet<string>
  /** For all addresses together. */
  dialMs: number
}

interface Wanted {
  request: EgressRequest
  /** Networks beyond the public ones that the policy permits. */
  permitted: readonly string[]
  /** Asked after every wait: whether it is still wanted. */
  goesOn: () => boolean
}

type Reached =
  /** Nothing was written to it yet. */
  | { is: 'connected'; address: string; upstream: Socket }
  | { is: 'denied'; address: string; reason: EgressDenial }
  | { is: 'failed'; reason: EgressFailure }
  /** No longer wanted. */
  | { is: 'stopped' }

export async function reach(wanted: Wanted, deps: ReachDeps): Promise<Reached> {
  const { request, permitted, goesOn } = wanted
  const found = await outcomeOf(deps.lookUp(request.host))
  if (!goesOn()) return { is: 'stopped' }
  if (!found.ok || found.value.length === 0)
    return { is: 'failed', reason: !found.ok && found.code === 'ETIMEOUT' ? 'dns-timeout' : 'dns-failed' }
  for (const address of found.value) {
    const reason = addressRefusal(address, deps.own(), permitted)
    if (reason) return { is: 'denied', address, reason }
  }
  return dialFirst(found.value, wanted, deps)
}

/** Why this address is not dialled, or null. */
export function addressRefusal(
  address: string,
  own: ReadonlySet<string>,
  permitted: readonly string[],
): EgressDenial | null {
  const judged = classifyAddress(address, { own, permitted })
  if (judged.ok || judged.class === 'public') return null
  return judged.class === 'self' ? 'self-connection' : `address-${judged.class}`
}

/** One after the other, in the order in which the resolver gave them. */
async function dialFirst(
  addresses: readonly string[],
  { request: { port }, goesOn }: Wanted,
  { dial, dialMs }: ReachDeps,
): Promise<Reached> {
  const byMs = performance.now() + dialMs
  let code = 'ETIMEDOUT'
  for (const address of addresses) {
    const timeoutMs = Math.ceil(byMs - performance.now())
    if (timeoutMs <= 0) break
    const dialled = await outcomeOf(dial({ address, port, timeoutMs }))
    if (dialled.ok) {
      const upstream = dialled.value
      upstream.on('error', () => {})
      if (goesOn()) return { is: 'connected', address, upstream }
      upstream.destroy()
    } else code = dialled.code
    if (!goesOn()) return { is: 'stopped' }
  }
  return { is: 'failed', reason: code === 'ETIMEDOUT' ? 'upstream-timeout' : 'upstream-unreachable' }
}

async function outcomeOf<T>(work: Promise<T>): Promise<{ ok: true; value: T } | { ok: false; code: string }> {
  try {
    return { ok: true, value: await work }
  } catch (error) {
    return { ok: false, code: error instanceof Error && 'code' in error ? String(error.code) : '' }
  }
}
