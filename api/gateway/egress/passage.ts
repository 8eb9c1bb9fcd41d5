import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Logger } from 'pino'
import type { EgressDenial, EgressFailure } from '../../contract/reasons.ts'
import { createRateLimiter } from '../../flow/rate-limiter.ts'
import { classifyAddress } from '../../policy/address.ts'
import { decideEgress, type EgressRequest } from '../../policy/egress.ts'
import type { DoorIdentity, SandboxDoor } from '../identity.ts'
import { type Answer, answerFor } from './denial.ts'
import type { EgressLimits } from './limits.ts'
import type { Denial, Outcome, Recorder, Trace } from './record.ts'
import { createLookups, type Resolve } from './resolve.ts'

/** A connected socket to exactly this address, or an error; `code: 'ETIMEDOUT'` after `timeoutMs`. */
export type Dial = (to: { address: string; port: number; timeoutMs: number }) => Promise<Socket>

interface PassageDeps {
  sandbox: SandboxDoor
  record: Recorder
  resolve: Resolve
  dial: Dial
  /** This machine's addresses, now. */
  own: () => ReadonlySet<string>
  limits: EgressLimits
  log: Logger
}

type Refused = { ok: false; answer: Answer }

/** One allowed request or tunnel, from its intent to its end. */
export interface Passage {
  readonly request: EgressRequest
  /** Connected to the judged address; nothing was written to it yet. Has an error handler. */
  readonly upstream: Socket
  /** Aborts when it is stopped from here (policy, kill, limit): the client's side is to be closed at once. */
  readonly signal: AbortSignal
  /** Recorded the first time only. Any outcome but `completed` cuts the upstream off at once. */
  end(outcome: Outcome, status: number | null): void
  /** For what is seen only after the intent, such as the TLS greeting. Resolves when it is recorded. */
  deny(reason: EgressDenial): Promise<Answer>
}

interface Open {
  identity: DoorIdentity
  request: EgressRequest
  /** Null until it was judged. */
  address: string | null
  end(why: 'policy-change' | 'killed'): void
}

/**
 * One sandbox's requests on their way out, in this order: who → policy → intent durable → resolve → classify every answer →
 * dial the judged address. A crash after the intent leaves an intent without an end: something may have left. Each intent is
 * closed by exactly one event of the same correlation: `egress.ended`, or `egress.request` with `deny` when the address or the
 * TLS greeting, which are seen only later, turn out not to be allowed.
 */
export function createPassages({ sandbox, record, resolve, dial, own, limits, log }: PassageDeps) {
  const open = new Set<Open>()
  /** Those of ended passages too, until they are closed. */
  const upstreams = new Set<Socket>()
  const refusals = createRateLimiter({ burst: limits.refusalBurst, perSecond: limits.refusalsPerSecond })
  const lookUp = createLookups(resolve, limits.lookups, limits.lookupMs)

  async function refuse(denied: Denial): Promise<Refused> {
    const where = denied.request ? nameOf(denied.request) : null
    await refusals.wait()
    const reason = (await record.denied(denied)) ? denied.reason : 'audit-unavailable'
    return { ok: false, answer: answerFor(reason, where) }
  }

  /** The end of one passage, whoever brings it about and whenever. */
  function track(trace: Trace, endsAtMs: number | null) {
    const startedMs = performance.now()
    const abort = new AbortController()
    const state: { over: Outcome | 'denied' | null; intended: boolean; upstream: Socket | null } = {
      over: null,
      intended: false,
      upstream: null,
    }
    const entry: Open = {
      identity: trace.identity,
      request: trace.request,
      address: null,
      end: (why) => end(why, null),
    }
    const expiresInMs = endsAtMs === null ? Number.POSITIVE_INFINITY : endsAtMs - Date.now()
    const timer = setTimeout(
      () => end(expiresInMs < limits.absoluteMs ? 'policy-change' : 'limit', null),
      Math.min(limits.absoluteMs, expiresInMs),
    ).unref()
    open.add(entry)

    function close(why: Outcome | 'denied'): boolean {
      if (state.over !== null) return false
      state.over = why
      clearTimeout(timer)
      open.delete(entry)
      return true
    }
    function write(outcome: Outcome, status: number | null) {
      const { upstream } = state
      const [bytesOut, bytesIn] = [upstream?.bytesWritten ?? 0, upstream?.bytesRead ?? 0]
      const durationMs = Math.round(performance.now() - startedMs)
      // Called from listeners, where nobody would catch it.
      record
        .ended(trace, { address: entry.address, outcome, status, bytesOut, bytesIn, durationMs })
        .catch((error: unknown) => log.error({ err: error }, 'the end of a request could not be put into words'))
    }
    function end(outcome: Outcome, status: number | null) {
      if (!close(outcome)) return
      if (state.intended) write(outcome, status)
      if (outcome === 'completed') return state.upstream && closeSoon(state.upstream)
      state.upstream?.destroy()
      if (STOPS.has(outcome)) abort.abort()
    }

    return {
      entry,
      signal: abort.signal,
      end,
      over: () => state.over !== null,
      /** The intent is durable. Was it stopped meanwhile, then nothing left, and the log says so. */
      intended() {
        state.intended = true
        if (state.over !== null && state.over !== 'denied') write(state.over, null)
      },
      connected(address: string, upstream: Socket) {
        entry.address = address
        state.upstream = upstream
        upstreams.add(upstream)
        upstream.once('close', () => upstreams.delete(upstream))
      },
      async deny(reason: EgressDenial, address?: string): Promise<Answer> {
        if (close('denied')) {
          state.upstream?.destroy()
          if (!(await record.deniedLate(trace, reason, address)))
            return answerFor('audit-unavailable', nameOf(trace.request))
        }
        return answerFor(reason, nameOf(trace.request))
      },
      abandon: () => close('denied'),
    }
  }

  async function begin(request: EgressRequest): Promise<({ ok: true } & Passage) | Refused> {
    const identity = sandbox.current()
    const { method } = request
    if (!identity) return refuse({ reason: 'no-identity', identity, method, request })
    const decision = decideEgress(identity.policy, request, new Date())
    if (decision.effect === 'deny') {
      return refuse({ reason: decision.reason, rule: decision.rule, identity, method, request })
    }

    // By what is under way, not by who is connected: clients that leave at once must not start ever more of it.
    if (open.size >= limits.connections || upstreams.size >= 2 * limits.connections)
      return refuse({ reason: 'too-many-connections', rule: decision.rule, identity, method, request })

    const trace: Trace = { identity, request, rule: decision.rule, correlation: randomUUID() }
    const way = track(trace, decision.endsAtMs)
    try {
      return await connectedWay(way, trace, decision.addresses)
    } catch (error) {
      way.end('error', 502)
      throw error
    }
  }

  async function connectedWay(
    way: ReturnType<typeof track>,
    trace: Trace,
    permitted: readonly string[],
  ): Promise<({ ok: true } & Passage) | Refused> {
    const { request } = trace
    const where = nameOf(request)
    const stopped = (): Refused => ({ ok: false, answer: answerFor('policy-change', where) })
    const fail = (reason: EgressFailure): Refused => {
      const answer = answerFor(reason, where)
      way.end('error', answer.status)
      return { ok: false, answer }
    }

    if (!(await record.intent(trace))) {
      way.abandon()
      return { ok: false, answer: answerFor('audit-unavailable', where) }
    }
    way.intended()
    if (way.over()) return stopped()

    const found = await outcomeOf(lookUp(request.host))
    if (way.over()) return stopped()
    if (!found.ok || found.value.length === 0)
      return fail(!found.ok && found.code === 'ETIMEOUT' ? 'dns-timeout' : 'dns-failed')
    for (const address of found.value) {
      const reason = refusalOf(address, own(), permitted)
      if (reason) return { ok: false, answer: await way.deny(reason, address) }
    }

    const byMs = performance.now() + limits.dialMs
    let code = 'ETIMEDOUT'
    for (const address of found.value) {
      const timeoutMs = Math.ceil(byMs - performance.now())
      if (timeoutMs <= 0) break
      const dialled = await outcomeOf(dial({ address, port: request.port, timeoutMs }))
      if (!dialled.ok) {
        code = dialled.code
        if (way.over()) return stopped()
        continue
      }
      const upstream = dialled.value
      upstream.on('error', () => {})
      if (way.over()) {
        upstream.destroy()
        return stopped()
      }
      way.connected(address, upstream)
      return { ok: true, request, upstream, signal: way.signal, end: way.end, deny: way.deny }
    }
    return fail(code === 'ETIMEDOUT' ? 'upstream-timeout' : 'upstream-unreachable')
  }

  return {
    begin,
    /** For what never became a request: it did not parse, or broke a limit. */
    refuse: (denied: Omit<Denial, 'identity'>) => refuse({ ...denied, identity: sandbox.current() }),
    stopAll(why: 'killed' | 'policy-change') {
      for (const entry of [...open]) entry.end(why)
    },
    /** Judges every open passage again by what holds now, its address included. */
    rejudge() {
      const identity = sandbox.current()
      for (const entry of [...open]) if (!stillAllowed(entry, identity, own())) entry.end('policy-change')
    },
  }
}
export type Passages = ReturnType<typeof createPassages>

/** For an upstream that does not take the rest of what it was sent. */
const LINGER_MS = 60_000

function closeSoon(upstream: Socket) {
  if (upstream.destroyed) return
  const timer = setTimeout(() => upstream.destroy(), LINGER_MS).unref()
  upstream.once('close', () => clearTimeout(timer))
  upstream.destroySoon()
}

const STOPS = new Set<Outcome>(['policy-change', 'killed', 'limit'])
const nameOf = ({ host, port }: EgressRequest) => `${host}:${port}`

function refusalOf(address: string, own: ReadonlySet<string>, permitted: readonly string[]): EgressDenial | null {
  const judged = classifyAddress(address, { own, permitted })
  if (judged.ok || judged.class === 'public') return null
  return judged.class === 'self' ? 'self-connection' : `address-${judged.class}`
}

function stillAllowed(
  { identity, request, address }: Open,
  now: DoorIdentity | null,
  own: ReadonlySet<string>,
): boolean {
  if (!now || now.person !== identity.person || now.prototype !== identity.prototype) return false
  const decision = decideEgress(now.policy, request, new Date())
  if (decision.effect === 'deny') return false
  return address === null || refusalOf(address, own, decision.addresses) === null
}

async function outcomeOf<T>(work: Promise<T>): Promise<{ ok: true; value: T } | { ok: false; code: string }> {
  try {
    return { ok: true, value: await work }
  } catch (error) {
    return { ok: false, code: error instanceof Error && 'code' in error ? String(error.code) : '' }
  }
}
