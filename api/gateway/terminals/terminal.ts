import type { Duplex } from 'node:stream'
import type { TerminalInfo } from '../../contract/terminal.ts'
import type { PorterClient } from '../porter/client.ts'
import { createInput } from './input.ts'
import type { TerminalLimiter } from './limiter.ts'
import type { Quota } from './quota.ts'
import { type RecorderDeps, type RecordingEnd, record } from './recorder.ts'
import type { Ending } from './recordings.ts'
import { replayStart } from './replay.ts'
import type { Segments } from './segments/segments.ts'
import { createViewer, type Viewer } from './viewer.ts'

/** The porter ended the stream of a terminal that it calls running: ask again, but not in a circle. */
const RETRY_MS = 500

export type TerminalSize = { cols: number; rows: number }

export interface TerminalDeps {
  name: string
  id: string
  porter: PorterClient
  segments: Segments
  quota: Pick<Quota, 'room' | 'words' | 'use' | 'hasDiskFor'>
  limiter: TerminalLimiter
  /** Writes down that it has ended, before any viewer hears of it. */
  onEnd(how: Ending): Promise<void>
}

/**
 *     running ── finish ──► ending ── written down ──► ended
 *        └───── close ────► closed                       (the gateway stops; the terminal itself goes on)
 *
 * Only a running terminal records and takes input. While it is `ending`, viewers still take it for running.
 */
type Life = { phase: 'running' } | { phase: 'ending' } | { phase: 'closed' } | { phase: 'ended'; how: Ending }

const whyOf: Record<Exclude<RecordingEnd, 'ended' | 'broken' | 'full'>, string> = {
  failed:
    'The recording could not be written. What cannot be recorded does not run: ask your admin to look at the disk.',
  misbehaved: 'The sandbox sent what it had sent before, or left out too much. Its terminal was closed.',
}

/**
 * One opening of one terminal: the recorder, the viewers, the input. Lives through any number of connections of the
 * porter. `before`: what is known of it, and how it ended if it already has.
 *
 * Longer than 60 lines because it is one state machine: recording, ending and resuming each lead to the other two.
 */
export function createTerminal(deps: TerminalDeps, before: { size: TerminalSize; ending: Ending | null }) {
  const { name, id, porter, segments, quota } = deps
  const state: { size: TerminalSize; life: Life } = {
    size: before.size,
    life: before.ending ? { phase: 'ended', how: before.ending } : { phase: 'running' },
  }
  const input = createInput(deps)
  const viewers = new Set<Viewer>()
  const recording = createRecording(deps, viewers)
  const isRunning = () => state.life.phase === 'running'
  const resumeLater = () => void setTimeout(resume, RETRY_MS).unref()

  async function finish(how: Ending) {
    if (!isRunning()) return
    state.life = { phase: 'ending' }
    input.stop()
    await deps.onEnd(how)
    await recording.stop()
    state.life = { phase: 'ended', how }
    for (const viewer of viewers) viewer.end()
    await segments.seal()
    // Nobody will ask for what it still holds.
    await porter.removeTerminal(name).catch(() => {})
  }

  async function keepRecording() {
    if (!isRunning() || recording.isActive()) return
    const why = await recording.run()
    if (!isRunning() || why === null) return
    if (why === 'ended') await finishIfExited()
    else if (why === 'full')
      await finish({ exitCode: null, why: `What cannot be recorded does not run. ${quota.words()}` })
    else if (why !== 'broken') await finish({ exitCode: null, why: whyOf[why] })
    else if (porter.connected()) resumeLater()
  }

  async function finishIfExited() {
    const { items } = await porter.terminals().catch(() => ({ items: [] }))
    const found = items.find((item) => item.id === id)
    if (found && !found.running) await finish({ exitCode: found.exitCode, why: 'exited' })
    else resumeLater()
  }

  /** A porter is connected that still has this terminal: go on where the recording ends. */
  function resume() {
    if (!isRunning() || !porter.connected()) return
    keepRecording().catch(() => {})
    input.resume()
  }

  return {
    name,
    id,
    isRunning,
    info: (): TerminalInfo => infoOf(deps, state),
    resume,
    finish,
    setSize(size: TerminalSize) {
      state.size = size
    },
    async replayFrom(): Promise<number> {
      const reader = segments.reader()
      return replayStart(reader, segments.oldest(), segments.end()).finally(reader.close)
    },
    view(offset: number): Duplex {
      const viewer = createViewer(
        {
          recorded: segments.end,
          reader: segments.reader(),
          ended: () => state.life.phase === 'ended',
          input: (bytes, done) => (isRunning() ? input.send(bytes, done) : done()),
          onClose: () => viewers.delete(viewer),
        },
        offset,
      )
      viewers.add(viewer)
      return viewer.stream
    },
    /** The gateway stops: the terminal itself goes on. */
    async close() {
      if (isRunning()) state.life = { phase: 'closed' }
      input.stop()
      for (const viewer of viewers) viewer.stream.destroy()
      await recording.stop()
    },
  }
}
export type Terminal = ReturnType<typeof createTerminal>

/** The recorder of one terminal, one at a time. */
function createRecording({ name, porter, segments, quota, limiter }: TerminalDeps, viewers: Iterable<Viewer>) {
  const state: { abort: AbortController | null; over: Promise<unknown> } = { abort: null, over: Promise.resolve() }
  const deps: RecorderDeps = {
    segments,
    open: (offset) => porter.terminalOutput(name, offset),
    release: (offset) => void porter.releaseTerminal(name, offset).catch(() => {}),
    room: quota.room,
    onUsed: quota.use,
    hasDiskFor: quota.hasDiskFor,
    limiter,
    onRecorded(offset, bytes) {
      for (const viewer of viewers) viewer.live(offset, bytes)
    },
  }
  return {
    isActive: () => state.abort !== null,
    /** Why it came to its end; null when it was stopped from here. */
    async run(): Promise<RecordingEnd | null> {
      const abort = new AbortController()
      state.abort = abort
      const recorded = record(deps, abort.signal)
      state.over = recorded
      const why = await recorded
      state.abort = null
      return abort.signal.aborted ? null : why
    },
    /** The file is closed after the last write, never under it. */
    async stop() {
      state.abort?.abort()
      await state.over
      await segments.close()
    },
  }
}

function infoOf({ name, segments }: TerminalDeps, { size, life }: { size: TerminalSize; life: Life }): TerminalInfo {
  const how = life.phase === 'ended' ? life.how : null
  return {
    name,
    ...size,
    offset: segments.end(),
    oldest: segments.oldest(),
    running: how === null,
    exitCode: how?.exitCode ?? null,
    ...(how ? { reason: how.why } : {}),
  }
}
