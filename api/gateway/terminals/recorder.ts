import type { Readable } from 'node:stream'
import type { OffsetStream } from '../porter/streams.ts'
import type { TerminalLimiter } from './limiter.ts'
import type { Segments } from './segments/segments.ts'

/** What may wait for the disk; beyond it the sandbox waits. */
const PENDING_LIMIT_BYTES = 262_144
const DISK_LOOK_MS = 250
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
  /** Whether the disk has room for so much beside its reserve. Until it has, the sandbox waits. */
  hasDiskFor(bytes: number): boolean
  limiter: Pick<TerminalLimiter, 'take' | 'reserve'>
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
  return recordStream(deps, opened, signal)
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

const bytesOf = (chunks: readonly Buffer[]) => chunks.reduce((sum, { length }) => sum + length, 0)

/** What has come and is not recorded yet. Past the limit the stream is paused, and so the program in the sandbox waits. */
function createIntake(stream: Readable, onData: () => void) {
  const state: { chunks: Buffer[]; bytes: number } = { chunks: [], bytes: 0 }
  stream.on('data', (chunk: Buffer) => {
    state.chunks.push(chunk)
    state.bytes += chunk.length
    if (state.bytes > PENDING_LIMIT_BYTES) stream.pause()
    onData()
  })
  return {
    chunks: (): readonly Buffer[] => state.chunks,
    bytes: () => state.bytes,
    /** The first so many chunks are taken care of. */
    drop(count: number) {
      const dropped = state.chunks.splice(0, count)
      state.bytes -= bytesOf(dropped)
      if (stream.isPaused() && state.bytes <= PENDING_LIMIT_BYTES) stream.resume()
    },
  }
}

/** A wait that can be cut short. */
function createWait() {
  const state: { wake: () => void } = { wake: () => {} }
  return {
    forMs: (ms: number) =>
      new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms)
        state.wake = () => {
          clearTimeout(timer)
          resolve()
        }
      }),
    cutShort: () => state.wake(),
  }
}

/** Writes pieces down, in order, and tells the porter from time to time what it may forget. */
function createWriter(deps: RecorderDeps, from: number) {
  const state = { offset: from, released: from }
  function release() {
    if (state.offset > state.released) deps.release(state.offset)
    state.released = state.offset
  }
  return {
    release,
    /** Why no more can be written, or null. */
    async write(chunks: Buffer[]): Promise<'full' | 'failed' | null> {
      const bytes = bytesOf(chunks)
      if (bytes > deps.room()) return 'full'
      try {
        await deps.segments.append(state.offset, chunks)
      } catch {
        return 'failed'
      }
      deps.onUsed(bytes)
      for (const chunk of chunks) {
        deps.onRecorded(state.offset, chunk)
        state.offset += chunk.length
      }
      if (state.offset - state.released >= RELEASE_EVERY_BYTES) release()
      return null
    },
  }
}

/**
 * Resolves when the stream has ended and all of it is recorded, or when that cannot be.
 *
 * Longer than 60 lines because what pauses the stream, and what ends it, is one state.
 */
function recordStream(
  deps: RecorderDeps,
  { stream, offset }: OffsetStream,
  signal: AbortSignal,
): Promise<RecordingEnd> {
  const { promise, resolve } = Promise.withResolvers<RecordingEnd>()
  const state: { busy: boolean; why: RecordingEnd | null } = { busy: false, why: null }
  const intake = createIntake(stream, () => void flush())
  const wait = createWait()
  const writer = createWriter(deps, offset)
  /** After the stream's end what waits is still written down; after anything else it is not. */
  const mayWrite = () => state.why === null || state.why === 'ended'

  /** All that waits; or, when the sandbox floods, its first piece, after a wait. What comes in the meantime waits too. */
  async function nextChunks(): Promise<Buffer[]> {
    const atOnce = deps.limiter.take(intake.bytes())
    const chunks = intake.chunks().slice(0, atOnce ? undefined : 1)
    if (!atOnce) await wait.forMs(deps.limiter.reserve(bytesOf(chunks)))
    intake.drop(chunks.length)
    return chunks
  }

  async function flush() {
    if (state.busy) return
    state.busy = true
    while (intake.chunks().length > 0 && mayWrite()) {
      const chunks = await nextChunks()
      const bytes = bytesOf(chunks)
      while (mayWrite() && !signal.aborted && !deps.hasDiskFor(bytes)) await wait.forMs(DISK_LOOK_MS)
      if (!mayWrite() || !deps.hasDiskFor(bytes)) break
      const failure = await writer.write(chunks)
      if (failure === null) continue
      // Nothing after the piece that is missing: it would be recorded at a wrong offset.
      stop(failure)
      break
    }
    state.busy = false
    if (state.why) conclude(state.why)
  }

  function stop(why: RecordingEnd) {
    state.why ??= why
    if (why !== 'ended') {
      stream.destroy()
      wait.cutShort()
    }
    if (!state.busy) conclude(state.why)
  }
  function conclude(why: RecordingEnd) {
    signal.removeEventListener('abort', abort)
    if (why === 'ended') writer.release()
    resolve(why)
  }
  const abort = () => stop('broken')

  signal.addEventListener('abort', abort, { once: true })
  stream.once('end', () => stop('ended'))
  stream.once('error', abort)
  stream.once('close', abort)
  return promise
}
