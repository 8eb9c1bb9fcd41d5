import type { Duplex } from 'node:stream'
import type { Logger } from 'pino'
import type { TerminalInfo } from '../../contract/terminal.ts'
import { ApiError } from '../../errors.ts'
import { createKeyedQueue } from '../../flow/keyed-queue.ts'
import { createRateLimiter, type Rate, type RateLimiter } from '../../flow/rate-limiter.ts'
import type { PorterClient } from '../porter/client.ts'
import { createTerminalEvents, type TerminalEvents, type TerminalEventsDeps } from './events.ts'
import type { RecordingRates } from './limiter.ts'
import { createOpenings, type Openings } from './openings.ts'
import { createQuota, type Quota, type SharedRoom } from './quota.ts'
import type { PackingDeps } from './segments/packing.ts'
import type { Terminal, TerminalSize } from './terminal.ts'

const TERMINALS = 20
/** How often one sandbox's terminals are opened: each opening stays as a recording and in the log. */
const OPENING_RATE: Rate = { burst: 40, perSecond: 0.2 }

export interface TerminalsDeps extends TerminalEventsDeps {
  porter: PorterClient
  /** Recordings of this sandbox: `<directory>/<terminal>/<opening>/`. */
  directory: string
  log: Logger
  compression: PackingDeps['compression']
  shared: SharedRoom
  quotaBytes?: number
  openingRate?: Rate
  segmentBytes?: number
  recordingRates?: RecordingRates
}

interface Parts {
  porter: PorterClient
  byName: Map<string, Terminal>
  opening: ReadonlyMap<string, Promise<TerminalInfo>>
  quota: Quota
  rate: RateLimiter
  events: TerminalEvents
  openings: Openings
}

/**
 * A sandbox's terminals as the gateway has them: opened on the record, written down before anybody sees a byte, and found
 * again after a restart of the gateway, of the porter's connection or of the viewer.
 *
 * Longer than 60 lines because its verbs wait on the same queue; what each of them does is below or in another file.
 */
export function createTerminals(deps: TerminalsDeps) {
  const { porter, log, sandbox, append, outbox, shared, quotaBytes, openingRate = OPENING_RATE, ...more } = deps
  const byName = new Map<string, Terminal>()
  const opening = new Map<string, Promise<TerminalInfo>>()
  const closing = new AbortController()
  const quota = createQuota(shared, () => sandbox.owner()?.person ?? null, quotaBytes)
  const events = createTerminalEvents({ sandbox, append, outbox })
  const openings = createOpenings({ porter, quota, events, log, ...more })
  const ends = { count: 0 }
  const parts: Parts = { porter, byName, opening, quota, rate: createRateLimiter(openingRate), events, openings }

  /** Two reconciliations at once would resume a terminal twice. */
  const queue = createKeyedQueue<'reconcile'>()
  const restored = queue.run('reconcile', () => openings.restore((terminal) => byName.set(terminal.name, terminal)))
  restored.catch((error) => {
    quota.markUnknown()
    log.error({ err: error }, 'recordings could not be read')
  })
  const state = { isPlanned: false }
  const reconcileSoon = () => {
    // One that has not begun will see this connection too: however often a porter comes, they do not pile up.
    if (state.isPlanned) return
    state.isPlanned = true
    queue
      .run('reconcile', () => {
        state.isPlanned = false
        return reconcile(parts, closing.signal)
      })
      .catch((error) => log.warn({ err: error }, 'terminals could not be reconciled with the porter'))
  }
  const stopListening = porter.onConnect(reconcileSoon)
  if (porter.connected()) reconcileSoon()

  /** Every verb waits until what is there is known. */
  async function find(name: string): Promise<Terminal> {
    await queue.idle()
    const terminal = byName.get(name)
    if (!terminal) throw new ApiError('not_found', 'There is no terminal of this name. Open it first.')
    return terminal
  }

  return {
    /** Opens it, or finds the running one of that name. Rejects when the opening cannot be recorded. */
    async open({ name, cols, rows }: { name: string } & TerminalSize): Promise<TerminalInfo> {
      const before = ends.count
      await queue.idle()
      if (ends.count !== before) throw new ApiError('sandbox_not_ready', 'The sandbox was stopped in the meantime.')
      const found = byName.get(name)
      if (found?.isRunning()) return found.info()
      const under = opening.get(name) ?? openNew(parts, name, { cols, rows }).finally(() => opening.delete(name))
      opening.set(name, under)
      return under
    },

    async list(): Promise<TerminalInfo[]> {
      await queue.idle()
      return Array.from(byName.values(), (terminal) => terminal.info())
    },

    async resize(name: string, size: TerminalSize) {
      const terminal = await find(name)
      await porter.resizeTerminal(name, size)
      terminal.setSize(size)
    },

    async remove(name: string) {
      const terminal = await find(name)
      await terminal.finish({ exitCode: null, why: 'closed by a person' })
    },

    /** Every one that runs, and every one that is being opened. Those that cannot be opened any more are none. */
    async endAll(why: string) {
      ends.count += 1
      const endThem = () => Promise.all(byName.values().map((terminal) => terminal.finish({ exitCode: null, why })))
      await Promise.all([endThem(), Promise.allSettled(opening.values()).then(endThem)])
    },

    /**
     * Output from `offset` on (null: about the last MiB) and then live; what is written to it is input. Ends when the
     * terminal has ended and everything was read. It never gives a byte that is not recorded.
     */
    async stream(name: string, offset: number | null): Promise<{ offset: number; bytes: Duplex }> {
      const terminal = await find(name)
      const info = terminal.info()
      const from = offset === null ? await terminal.replayFrom() : Math.min(Math.max(offset, info.oldest), info.offset)
      // A full-screen program painted before where such a replay begins.
      if (offset === null && info.running && from > info.oldest) await repaint(porter, info)
      return { offset: from, bytes: terminal.view(from) }
    },

    /** The gateway stops. The terminals go on in the sandbox, and wait to be recorded. */
    async close() {
      stopListening()
      closing.abort()
      await queue.idle()
      for (const terminal of byName.values()) await terminal.close()
      await openings.close()
    },
  }
}

/** A porter has connected: what it still has goes on, what it no longer has is over. */
async function reconcile({ porter, byName, opening }: Parts, signal: AbortSignal) {
  const { items } = await porter.terminals(signal)
  for (const { name, id } of items) {
    const known = byName.get(name)
    const isOver = known && !opening.has(name) && !(known.id === id && known.isRunning())
    // Its end did not reach the porter, and nothing of it is recorded any more.
    if (isOver) await porter.removeTerminal(name).catch(() => {})
  }
  for (const terminal of byName.values()) {
    if (!terminal.isRunning()) continue
    const found = items.find((item) => item.id === terminal.id && item.name === terminal.name)
    if (!found) await terminal.finish({ exitCode: null, why: 'the sandbox was started again' })
    else {
      terminal.setSize({ cols: found.cols, rows: found.rows })
      terminal.resume()
    }
  }
}

async function openNew(parts: Parts, name: string, size: TerminalSize): Promise<TerminalInfo> {
  const { porter, byName, quota, rate, events, openings } = parts
  if ([...byName.values()].filter((terminal) => terminal.isRunning()).length >= TERMINALS)
    throw new ApiError('limit_reached', `A sandbox has at most ${TERMINALS} terminals. Close one first.`)
  await quota.requireRoomToOpen()
  if (!rate.take())
    throw new ApiError(
      'throttled',
      'Terminals of this sandbox are opened and closed very often. Wait a few seconds and try again.',
    )
  await events.recordOpening(name)
  const terminal = await openings.create(name, size)
  byName.set(name, terminal)
  try {
    await porter.openTerminal({ name, id: terminal.id, ...size })
  } catch (error) {
    await terminal.finish({ exitCode: null, why: error instanceof Error ? error.message : 'it did not start' })
    throw error
  }
  terminal.resume()
  return terminal.info()
}

/** Two changes of size make a full-screen program paint again. One that cannot be changed is shown as it is. */
async function repaint(porter: PorterClient, { name, cols, rows }: { name: string } & TerminalSize) {
  try {
    await porter.resizeTerminal(name, { cols, rows: rows > 2 ? rows - 1 : rows + 1 })
    await porter.resizeTerminal(name, { cols, rows })
  } catch {
    // The porter is away; what was recorded can be read all the same.
  }
}
