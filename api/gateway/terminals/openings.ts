import type { Logger } from 'pino'
import type { PorterClient } from '../porter/client.ts'
import type { TerminalEvents } from './events.ts'
import { createRecordingLimiter, type RecordingRates } from './limiter.ts'
import type { Quota } from './quota.ts'
import { createRecordings, type Ending, newOpening, OPENING_BYTES, type Recordings } from './recordings.ts'
import { createPacking, type PackingDeps } from './segments/packing.ts'
import { openSegments } from './segments/segments.ts'
import { createTerminal, type Terminal, type TerminalSize } from './terminal.ts'

export interface OpeningsDeps {
  porter: PorterClient
  /** Recordings of this sandbox: `<directory>/<terminal>/<opening>/`. */
  directory: string
  quota: Quota
  events: TerminalEvents
  log: Logger
  compression: PackingDeps['compression']
  segmentBytes?: number | undefined
  recordingRates?: RecordingRates | undefined
}

/** Nobody knows the size of a terminal that was opened by an earlier gateway until a porter says it. */
const SIZE_BEFORE_PORTER = { cols: 80, rows: 24 }

/** Makes one sandbox's terminals, each an opening with a recording of its own. */
export function createOpenings(deps: OpeningsDeps) {
  const { porter, quota, log } = deps
  const recordings = createRecordings(deps.directory)
  const limiter = createRecordingLimiter(deps.recordingRates)
  const packing = createPacking({
    compression: deps.compression,
    onDisk: quota.use,
    onFailed: (error) => log.warn({ err: error }, 'a recording could not be compressed, and stays as it is'),
  })

  function openRecording(name: string, id: string) {
    const path = recordings.pathOf(name, id)
    const { segmentBytes } = deps
    return openSegments(path, {
      ...(segmentBytes === undefined ? {} : { segmentBytes }),
      onClosed: (segment) => packing.add(path, segment),
    })
  }

  async function createFrom(name: string, id: string, size: TerminalSize, ending: Ending | null) {
    const segments = await openRecording(name, id)
    const onEnd = (how: Ending) => recordEnding(how, { name, id, recordings, events: deps.events, log })
    const terminal = createTerminal(
      { name, id, porter, segments, quota, limiter: limiter.forTerminal(), onEnd },
      { size, ending },
    )
    return { terminal, segments }
  }

  return {
    /** A terminal that was never there before. */
    async create(name: string, size: TerminalSize): Promise<Terminal> {
      const { terminal } = await createFrom(name, newOpening(Date.now()), size, null)
      quota.use(OPENING_BYTES)
      return terminal
    },

    /** After a start of the gateway: the latest opening of each terminal, from the recordings, is given to `keep`. */
    async restore(keep: (terminal: Terminal) => void) {
      const compressible: (() => void | Promise<void>)[] = []
      for (const { name, id, latest } of await recordings.openings()) {
        if (latest) {
          const ending = await recordings.ending(name, id)
          const { terminal, segments } = await createFrom(name, id, SIZE_BEFORE_PORTER, ending)
          keep(terminal)
          compressible.push(ending === null ? segments.offer : segments.seal)
        } else compressible.push((await openRecording(name, id)).seal)
      }
      // Counted after what a crash left was put right, and before files begin to change.
      quota.setUsed(await recordings.usedBytes())
      for (const compress of compressible) await compress()
    },

    close: packing.close,
  }
}
export type Openings = ReturnType<typeof createOpenings>

interface EndingDeps {
  name: string
  id: string
  recordings: Recordings
  events: TerminalEvents
  log: Logger
}

/** A disk that cannot be written must not keep a dead terminal alive: the log says that it has ended. */
async function recordEnding(how: Ending, { name, id, recordings, events, log }: EndingDeps) {
  await events.recordClosing(name, how)
  await recordings
    .markEnded(name, id, how)
    .catch((error: unknown) => log.error({ err: error, terminal: name }, 'its end is not in its recording'))
}
