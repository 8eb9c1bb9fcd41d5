import type { Readable } from 'node:stream'
import type { OffsetStream } from '../porter/streams.ts'
import type { TerminalPace } from './pace.ts'
import type { Segments } from './segments/segments.ts'

/** What may wait for the disk; beyond it the sandbox waits. */
const PENDING_LIMIT_BYTES = 262_144
const RELEASE_EVERY_BYTES = 131_072
/** A hole is what was released and then lost with the page cache; a number far beyond that is a porter making things up. */
const LONGEST_HOLE_BYTES = 67_108_864

export interface RecorderDeps {
  segments: Segments
  /** Opens the porter's output at `offset`. */
  open(offset: number): Promise<OffsetStream>
  /** Tells the porter what it may forget. */
  release(offset: number): void
  /** Called after the bytes are recorded: nobody may see them earlier. */
  onRecorded(offset: number, bytes: Buffer): void
  /** How many more bytes may be recorded. */
  room(): number
  onUsed(bytes: number): void
  pace: Pick<TerminalPace, 'pass' | 'reserve'>
}

/** Why a recording stopped: the porter's stream came to its end, or broke; there is no room; the disk refused; the porter's offset cannot be true. */
export type RecordingEnd = 'ended' | 'broken' | 'full' | 'failed' | 'misbehaved'

/**
 * Reads one terminal's output and writes it down, from where the recording ends. Resolves when that is over.
 *
 * A crash between the write and `release`: the porter still has the bytes, and the next recorder asks for what comes after
 * the recording's end, so nothing is recorded twice. A crash before the write: the porter still has them.
 */
export async function record(deps: RecorderDeps, signal: AbortSignal): Promise<RecordingEnd> {
  const start = deps.segments.end()
  const opened = await openUnless(signal, () => deps.open(start))
  if (!opened) return 'broken'
  // Earlier bytes than asked for would be recorded twice; later ones are what a power failure took from the recording.
  if (opened.offset < start || opened.offset - start > LONGEST_HOLE_BYTES) {
    opened.stream.destroy()
    return 'misbehaved'
  }
  return new Promise((resolve) => write(deps, opened.stream, opened.offset, signal, resolve))
}

/** Null when it fails, or at once when `signal` fires: a porter that does not answer holds up no stop of the gateway. */
function openUnless(signal: AbortSignal, open: () => Promise<OffsetStream>): Promise<OffsetStream | null> {
  return new Promise((resolve) => {
    const abort = () => resolve(null)
    signal.addEventListener('abort', abort, { once: true })
    open().then(
      (opened) => {
        signal.removeEventListener('abort', abort)
        if (signal.aborted) opened.stream.destroy()
        resolve(signal.aborted ? null : opened)
      },
      () => resolve(null),
    )
  })
}

const bytesOf = (chunks: Buffer[]) => chunks.reduce((sum, { length }) => sum + length, 0)

function write(
  deps: RecorderDeps,
  stream: Readable,
  from: number,
  signal: AbortSignal,
  resolve: (why: RecordingEnd) => void,
) {
  let offset = from
  let released = from
  let pending: Buffer[] = []
  let pendingBytes = 0
  let busy = false
  let over: RecordingEnd | null = null
  let wake = () => {}

  const stop = (why: RecordingEnd) => {
    over ??= why
    if (why !== 'ended') {
      stream.destroy()
      wake()
    }
    if (!busy) settle()
  }
  const abort = () => stop('broken')
  const settle = () => {
    signal.removeEventListener('abort', abort)
    if (offset > released && over === 'ended') deps.release(offset)
    resolve(over ?? 'broken')
  }

  const going = () => over === null || over === 'ended'

  /** All that waits; or, when the sandbox floods, its first piece, after a wait. What came in the meantime waits too. */
  async function next(): Promise<Buffer[]> {
    const atOnce = deps.pace.pass(pendingBytes)
    const chunks = atOnce ? pending : pending.slice(0, 1)
    if (!atOnce) await waited(deps.pace.reserve(bytesOf(chunks)))
    pending = pending.slice(chunks.length)
    pendingBytes -= bytesOf(chunks)
    if (stream.isPaused() && pendingBytes <= PENDING_LIMIT_BYTES) stream.resume()
    return chunks
  }

  const waited = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })

  async function flush() {
    busy = true
    while (pending.length > 0 && going()) {
      const chunks = await next()
      if (!going()) break
      const bytes = bytesOf(chunks)
      if (bytes > deps.room()) {
        stop('full')
        break
      }
      try {
        await deps.segments.append(offset, chunks)
      } catch {
        stop('failed')
        break
      }
      deps.onUsed(bytes)
      for (const chunk of chunks) {
        deps.onRecorded(offset, chunk)
        offset += chunk.length
      }
      if (offset - released >= RELEASE_EVERY_BYTES) {
        released = offset
        deps.release(offset)
      }
    }
    busy = false
    if (over) settle()
  }

  signal.addEventListener('abort', abort, { once: true })
  stream.on('data', (chunk: Buffer) => {
    pending.push(chunk)
    pendingBytes += chunk.length
    if (pendingBytes > PENDING_LIMIT_BYTES) stream.pause()
    if (!busy) flush()
  })
  stream.once('end', () => stop('ended'))
  stream.once('error', () => stop('broken'))
  stream.once('close', () => stop('broken'))
}
