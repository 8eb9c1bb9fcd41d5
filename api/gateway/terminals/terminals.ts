import type { Duplex } from 'node:stream'
import type { Logger } from 'pino'
import { auditEvent } from '../../audit/event.ts'
import type { AuditEvent } from '../../contract/audit.ts'
import type { TerminalInfo } from '../../contract/terminal.ts'
import { ApiError } from '../../errors.ts'
import type { SandboxDoor } from '../identity.ts'
import type { PorterClient } from '../porter/client.ts'
import { createPace, type PaceLimits } from './pace.ts'
import { createRecordings, type Ending, newOpening } from './recordings.ts'
import { createPacking, type PackingDeps } from './segments/packing.ts'
import { openSegments } from './segments/segments.ts'
import { createTerminal, type Terminal } from './terminal.ts'

/** What all recordings of one sandbox may take on the disk. */
const QUOTA_BYTES = 536_870_912
/** With less a terminal would end again at once: its recorder stops when what waits for it does not fit. */
const ROOM_TO_OPEN_BYTES = 524_288
const TERMINALS = 20
const DEFAULT_SIZE = { cols: 80, rows: 24 }

export interface TerminalsDeps {
  porter: PorterClient
  /** Recordings of this sandbox: `<directory>/<terminal>/<opening>/`. */
  directory: string
  sandbox: SandboxDoor
  /** Resolves when the event is durable. */
  append(event: AuditEvent): Promise<void>
  log: Logger
  compression: PackingDeps['compression']
  quotaBytes?: number
  segmentBytes?: number
  pace?: PaceLimits
}

type Size = { cols: number; rows: number }

/**
 * A sandbox's terminals as the gateway has them: opened on the record, written down before anybody sees a byte, and found
 * again after a restart of the gateway, of the porter's connection or of the viewer.
 */
export function createTerminals(deps: TerminalsDeps) {
  const { porter, directory, sandbox, append, log, quotaBytes = QUOTA_BYTES } = deps
  const recordings = createRecordings(directory)
  const byName = new Map<string, Terminal>()
  const opening = new Map<string, Promise<TerminalInfo>>()
  const closing = new AbortController()
  let usedBytes = 0
  let unreadable = false
  const budget = {
    room: () => quotaBytes - usedBytes,
    use(bytes: number) {
      usedBytes += bytes
    },
  }
  const pace = createPace(deps.pace)
  const packing = createPacking({
    compression: deps.compression,
    onDisk: budget.use,
    onFailed: (error) => log.warn({ err: error }, 'a recording could not be compressed, and stays as it is'),
  })
  /** Two settlements at once would resume a terminal twice. */
  let settling: Promise<void> = load().catch((error) => {
    // What they take is not known then, and the quota with it.
    unreadable = true
    log.error({ err: error }, 'recordings could not be read')
  })
  const settleSoon = () => {
    settling = settling.then(settle).catch((error) => log.warn({ err: error }, 'terminals could not be settled'))
  }
  const stopListening = porter.onConnect(settleSoon)
  if (porter.connected()) settleSoon()

  function written(kind: 'opened', name: string): Promise<void>
  function written(kind: 'closed', name: string, how: Ending): Promise<void>
  function written(kind: 'opened' | 'closed', name: string, how?: Ending) {
    const who = sandbox.current()
    const common = {
      person: who?.person ?? null,
      prototype: who?.prototype ?? null,
      sandbox: sandbox.id,
      decision: 'info' as const,
      reason: `terminal-${kind}` as const,
    }
    if (kind === 'opened') {
      const actor = who
        ? { type: 'person' as const, id: who.person }
        : { type: 'system' as const, id: 'gateway' as const }
      return append(auditEvent('terminal.opened', { ...common, actor, detail: { terminal: name } }))
    }
    const detail = { terminal: name, exitCode: how?.exitCode ?? null, why: how?.why ?? '' }
    return append(
      auditEvent('terminal.closed', { ...common, actor: { type: 'sandbox' as const, id: sandbox.id }, detail }),
    )
  }

  function segmentsOf(name: string, id: string) {
    const path = recordings.pathOf(name, id)
    const { segmentBytes } = deps
    return openSegments(path, {
      ...(segmentBytes === undefined ? {} : { segmentBytes }),
      onClosed: (segment) => packing.add(path, segment),
    })
  }

  async function adopt(name: string, id: string, size: Size, ending: Ending | null) {
    const segments = await segmentsOf(name, id)
    const terminal = createTerminal({
      name,
      id,
      porter,
      segments,
      budget,
      pace: pace.terminal(),
      size,
      ending,
      async onEnd(how) {
        // An audit log that is away must not keep a dead terminal alive: the sequence of events shows the opening at least.
        await written('closed', name, how).catch((error) => log.error({ err: error, terminal: name }, 'not in the log'))
        await recordings
          .end(name, id, how)
          .catch((error) => log.error({ err: error, terminal: name }, 'not marked ended'))
      },
    })
    byName.set(name, terminal)
    return { terminal, segments }
  }

  /** After a start of the gateway: what the recordings tell. */
  async function load() {
    const compressible: (() => void | Promise<void>)[] = []
    for (const { name, id, latest } of await recordings.openings()) {
      const ending = await recordings.ending(name, id)
      const segments = latest ? (await adopt(name, id, DEFAULT_SIZE, ending)).segments : await segmentsOf(name, id)
      compressible.push(latest && ending === null ? segments.offer : segments.seal)
    }
    // Counted after what a crash left was put right, and before files begin to change.
    usedBytes = await recordings.usedBytes()
    for (const compress of compressible) await compress()
  }

  /** A porter has come: what it still has goes on, what it no longer has is over. */
  async function settle() {
    const { items } = await porter.terminals(closing.signal)
    for (const terminal of byName.values()) {
      if (!terminal.running()) continue
      const found = items.find((item) => item.id === terminal.id && item.name === terminal.name)
      if (!found) await terminal.finish({ exitCode: null, why: 'the sandbox was started again' })
      else {
        terminal.setSize({ cols: found.cols, rows: found.rows })
        terminal.resume()
      }
    }
  }

  async function openNew(name: string, size: Size): Promise<TerminalInfo> {
    if ([...byName.values()].filter((terminal) => terminal.running()).length >= TERMINALS) {
      throw new ApiError('limit_reached', `A sandbox has at most ${TERMINALS} terminals. Close one first.`)
    }
    if (unreadable) {
      throw new ApiError(
        'sandbox_not_ready',
        'The recordings of this sandbox cannot be read, so it cannot have new ones. Ask your admin to look at the disk.',
      )
    }
    if (budget.room() < ROOM_TO_OPEN_BYTES) {
      throw new ApiError(
        'limit_reached',
        'The recordings of this sandbox are full. Make a new prototype, or ask your admin.',
      )
    }
    await written('opened', name)
    const id = newOpening(Date.now())
    const { terminal } = await adopt(name, id, size, null)
    try {
      await porter.openTerminal({ name, id, ...size })
    } catch (error) {
      await terminal.finish({ exitCode: null, why: error instanceof Error ? error.message : 'it did not start' })
      throw error
    }
    terminal.resume()
    return terminal.info()
  }

  function get(name: string): Terminal {
    const terminal = byName.get(name)
    if (!terminal) throw new ApiError('not_found', 'There is no terminal of this name. Open it first.')
    return terminal
  }

  return {
    /** Opens it, or finds the running one of that name. Rejects when the opening cannot be recorded. */
    async open({ name, cols, rows }: { name: string } & Size): Promise<TerminalInfo> {
      await settling
      const found = byName.get(name)
      if (found?.running()) return found.info()
      const already = opening.get(name) ?? openNew(name, { cols, rows }).finally(() => opening.delete(name))
      opening.set(name, already)
      return already
    },

    async list(): Promise<TerminalInfo[]> {
      await settling
      return Array.from(byName.values(), (terminal) => terminal.info())
    },

    async resize(name: string, size: Size) {
      await settling
      const terminal = get(name)
      await porter.resizeTerminal(name, size)
      terminal.setSize(size)
    },

    async remove(name: string) {
      await settling
      await get(name).finish({ exitCode: null, why: 'closed by a person' })
    },

    /**
     * Output from `offset` on (null: about the last MiB) and then live; what is written to it is input. Ends when the
     * terminal has ended and everything was read. It never gives a byte that is not recorded.
     */
    async stream(name: string, offset: number | null): Promise<{ offset: number; bytes: Duplex }> {
      await settling
      const terminal = get(name)
      const { offset: end, oldest, cols, rows, running } = terminal.info()
      if (offset !== null) {
        const from = Math.min(Math.max(offset, oldest), end)
        return { offset: from, bytes: terminal.view(from) }
      }
      const from = await terminal.replayFrom()
      // A full-screen program painted before where the replay begins: two changes of size make it paint again.
      if (running && from > oldest) {
        await porter
          .resizeTerminal(name, { cols, rows: rows > 2 ? rows - 1 : rows + 1 })
          .then(() => porter.resizeTerminal(name, { cols, rows }))
          .catch(() => {})
      }
      return { offset: from, bytes: terminal.view(from) }
    },

    /** The gateway stops. The terminals go on in the sandbox, and wait to be recorded. */
    async close() {
      stopListening()
      closing.abort()
      await settling
      for (const terminal of byName.values()) await terminal.close()
      await packing.close()
    },
  }
}
