import type { Duplex, Writable } from 'node:stream'
import type { TerminalInfo } from '../../contract/terminal.ts'
import type { PorterClient } from '../porter/client.ts'
import type { TerminalPace } from './pace.ts'
import { type RecordingEnd, record } from './recorder.ts'
import type { Ending } from './recordings.ts'
import { replayStart } from './replay.ts'
import type { Segments } from './segments/segments.ts'
import { createViewer, type Viewer } from './viewer.ts'

/** The porter ended the stream of a terminal that it calls running: ask again, but not in a circle. */
const RETRY_MS = 500

export interface Budget {
  room(): number
  use(bytes: number): void
}

export interface TerminalDeps {
  name: string
  id: string
  porter: PorterClient
  segments: Segments
  budget: Budget
  pace: TerminalPace
  size: { cols: number; rows: number }
  /** How it ended, when it already has. */
  ending: Ending | null
  /** Writes down that it has ended, before any viewer hears of it. */
  onEnd(how: Ending): Promise<void>
}

const whyOf: Record<Exclude<RecordingEnd, 'ended' | 'broken'>, string> = {
  full: 'The recordings of this sandbox have reached their limit. What cannot be recorded does not run: make a new prototype, or ask your admin.',
  failed:
    'The recording could not be written. What cannot be recorded does not run: ask your admin to look at the disk.',
  misbehaved: 'The sandbox sent what it had sent before, or left out too much. Its terminal was closed.',
}

/** One opening of one terminal: the recorder, the viewers, the input. Lives through any number of connections of the porter. */
export function createTerminal(deps: TerminalDeps) {
  const { name, id, porter, segments, budget, pace } = deps
  let size = deps.size
  let ending = deps.ending
  let over = ending !== null
  let recording: AbortController | null = null
  let recorded: Promise<unknown> = Promise.resolve()
  let input: Writable | null = null
  let waiting: { bytes: Buffer; done: () => void }[] = []
  const viewers = new Set<Viewer>()

  const info = (): TerminalInfo => ({
    name,
    ...size,
    offset: segments.end(),
    oldest: segments.oldest(),
    running: ending === null,
    exitCode: ending?.exitCode ?? null,
    ...(ending ? { reason: ending.why } : {}),
  })

  async function finish(how: Ending) {
    if (over) return
    over = true
    stopInput()
    await deps.onEnd(how)
    await stopRecording()
    ending = how
    for (const viewer of viewers) viewer.end()
    await segments.seal()
    // Nobody will ask for what it still holds.
    await porter.removeTerminal(name).catch(() => {})
  }

  async function keepRecording() {
    if (over || recording) return
    const mine = new AbortController()
    recording = mine
    const started = record(
      {
        segments,
        open: (offset) => porter.terminalOutput(name, offset),
        release: (offset) => void porter.releaseTerminal(name, offset).catch(() => {}),
        room: budget.room,
        onUsed: budget.use,
        pace,
        onRecorded(offset, bytes) {
          for (const viewer of viewers) viewer.live(offset, bytes)
        },
      },
      mine.signal,
    )
    recorded = started
    const why = await started
    recording = null
    if (over || mine.signal.aborted) return
    if (why === 'ended') await settleEnd()
    else if (why !== 'broken') await finish({ exitCode: null, why: whyOf[why] })
    else if (porter.connected()) setTimeout(resume, RETRY_MS).unref()
  }

  async function settleEnd() {
    const found = await porter.terminals().then(
      ({ items }) => items.find((item) => item.id === id) ?? null,
      () => null,
    )
    if (found && !found.running) await finish({ exitCode: found.exitCode, why: 'exited' })
    else setTimeout(resume, RETRY_MS).unref()
  }

  /** The file is closed after the last write, never under it. */
  async function stopRecording() {
    recording?.abort()
    await recorded
    await segments.close()
  }

  function stopInput() {
    input?.end()
    input = null
    for (const { done } of waiting) done()
    waiting = []
  }

  function sendInput(bytes: Buffer, done: () => void) {
    if (over) return done()
    pace.typed()
    if (!input || input.destroyed) {
      input = porter.connected() ? porter.terminalInput(name) : null
      if (!input) {
        waiting.push({ bytes, done })
        return
      }
    }
    const mine = input
    if (mine.write(bytes)) return done()
    // Whichever comes first: room, or a connection that is gone.
    const go = () => {
      mine.off('drain', go)
      mine.off('close', go)
      done()
    }
    mine.once('drain', go)
    mine.once('close', go)
  }

  /** A porter is connected that still has this terminal: go on where the recording ends. */
  function resume() {
    if (over || !porter.connected()) return
    if (input?.destroyed) input = null
    keepRecording().catch(() => {})
    const left = waiting
    waiting = []
    for (const { bytes, done } of left) sendInput(bytes, done)
  }

  return {
    name,
    id,
    info,
    resume,
    finish,
    running: () => !over,
    setSize(next: { cols: number; rows: number }) {
      size = next
    },
    async replayFrom(): Promise<number> {
      const reader = segments.reader()
      try {
        return await replayStart(reader, segments.oldest(), segments.end())
      } finally {
        await reader.close()
      }
    },
    view(offset: number): Duplex {
      const viewer = createViewer(
        {
          recorded: segments.end,
          reader: segments.reader(),
          ended: () => ending !== null,
          input: sendInput,
          onClose: () => viewers.delete(viewer),
        },
        offset,
      )
      viewers.add(viewer)
      return viewer.stream
    },
    /** The gateway stops: the terminal itself goes on. */
    async close() {
      over = true
      stopInput()
      for (const viewer of viewers) viewer.stream.destroy()
      await stopRecording()
    },
  }
}
export type Terminal = ReturnType<typeof createTerminal>
