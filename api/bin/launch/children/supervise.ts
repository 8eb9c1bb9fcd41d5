import { type ChildProcess, fork } from 'node:child_process'
import { setTimeout as wait } from 'node:timers/promises'
import { HEARTBEAT } from '../../../program.ts'
import { countDeath, pauseAfter } from './back-off.ts'
import { BEAT_MS, beat, born, type Pulse, tick } from './heartbeat.ts'
import { openLog } from './log.ts'

/** Longer than the programs' own closing deadline (program.ts). */
const CLOSE_TIMEOUT_MS = 10_000
/** For an end that is asked for by restart(). */
const RESTART_TIMEOUT_MS = 200
const LOG_BYTES = 20 * 1024 * 1024
const ownOutput = { write: (chunk: Uint8Array) => void process.stdout.write(chunk), close: () => {} }

export interface Supervised {
  readonly name: string
  /** The running child's pid, or null between two lives. */
  pid(): number | null
  /** Ends this life and starts the next one at once. Does not wait long for an orderly end: every program may die at any time. */
  restart(): void
  /** Stops it for good: SIGTERM, then SIGKILL after 10 s. */
  close(): Promise<void>
}

export interface Program {
  name: string
  /** A .ts file, run by this Node. */
  entry: string
  /** Asked at each of its lives; `silentMs`: how long the one before did not answer, when it was killed for that. */
  environment: (silentMs: number) => NodeJS.ProcessEnv
  /** Its output goes there; beyond 20 MiB the file is kept as `<log>.1` and a new one begun. Null: to our own output. */
  log: string | null
  /** It answers heartbeats (program.ts) once it has started: when it stops answering it is killed and started again. */
  heartbeat?: boolean
  say: (text: string) => void
  /** What it sends over IPC, from each of its lives. */
  onMessage?: (message: unknown) => void
  /** Called when it died unasked, before it is started again. */
  onDeath?: (why: string, tail: string) => void
}

/**
 * Starts a program and starts it again, with back-off, whenever it dies; each death is said.
 *
 * Longer than 60 lines because starting, dying, waiting and stopping each lead to the next.
 */
export function supervise(program: Program): Supervised {
  const { name, log, say, onDeath } = program
  const output = log === null ? ownOutput : openLog(log, LOG_BYTES)
  const closing = new AbortController()
  const life: { child: ChildProcess | null; restarting: boolean; wake: AbortController } = {
    child: null,
    restarting: false,
    wake: new AbortController(),
  }

  const live = async (silentMs: number) => {
    life.restarting = false
    life.wake = new AbortController()
    const started = forkProgram(program, silentMs)
    life.child = started
    const watched = program.heartbeat === true ? watchHeart(started) : null
    const death = await untilDeath(started, (chunk) => output.write(chunk))
    life.child = null
    watched?.end()
    return { ...death, silentMs: watched?.silentMs() ?? 0 }
  }
  const end = (timeoutMs: number) => {
    const { child } = life
    if (child === null) return
    child.kill('SIGTERM')
    const patience = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
    child.once('close', () => clearTimeout(patience))
  }
  const forever = async () => {
    let deaths = 0
    let silentMs = 0
    while (!closing.signal.aborted) {
      const started = Date.now()
      const { why, tail, ...death } = await live(silentMs)
      silentMs = death.silentMs
      if (closing.signal.aborted) return
      if (life.restarting) {
        deaths = 0
        continue
      }
      deaths = countDeath(deaths, Date.now() - started)
      const pauseMs = pauseAfter(deaths)
      const what = silentMs > 0 ? `did not answer for ${silentMs / 1000} s and was killed` : `stopped (${why})`
      say(`${name} ${what}; starting it again in ${pauseMs / 1000} s.${log === null ? '' : ` Its log: ${log}`}`)
      onDeath?.(why, tail)
      await wait(pauseMs, undefined, { signal: AbortSignal.any([closing.signal, life.wake.signal]) }).catch(() => {})
    }
  }
  const over = forever()

  return {
    name,
    pid: () => life.child?.pid ?? null,
    restart() {
      life.restarting = true
      life.wake.abort()
      end(RESTART_TIMEOUT_MS)
    },
    async close() {
      closing.abort()
      end(CLOSE_TIMEOUT_MS)
      await over
      output.close()
    },
  }
}

/** Kills it when it stops answering. A stopped process cannot be asked to end: SIGKILL alone ends it. */
function watchHeart(child: ChildProcess) {
  const state: { pulse: Pulse; silentMs: number } = { pulse: born, silentMs: 0 }
  child.on('message', (message) => {
    if (message === HEARTBEAT.answer) state.pulse = beat
  })
  const timer = setInterval(() => {
    Object.assign(state, tick(state.pulse))
    if (state.silentMs > 0) {
      clearInterval(timer)
      child.kill('SIGKILL')
      // The callback takes what send cannot do: a child that has just ended has no channel.
    } else child.send(HEARTBEAT.ask, () => {})
  }, BEAT_MS)
  return { end: () => clearInterval(timer), silentMs: () => state.silentMs }
}

function forkProgram({ entry, environment, onMessage }: Program, silentMs: number): ChildProcess {
  // Detached: Ctrl-C in the terminal must reach the launcher alone, which stops the programs in order.
  const started = fork(entry, [], {
    env: environment(silentMs),
    detached: true,
    execArgv: ['--import', new URL('./leash.ts', import.meta.url).href],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  started.on('message', (message) => {
    if (message !== HEARTBEAT.answer) onMessage?.(message)
  })
  return started
}

/** Resolves with why it ended, and the end of what it said. */
function untilDeath(child: ChildProcess, write: (chunk: Buffer) => void): Promise<{ why: string; tail: string }> {
  return new Promise((resolve) => {
    let tail = ''
    const keep = (chunk: Buffer) => {
      write(chunk)
      tail = (tail + chunk.toString('utf8')).slice(-2_000)
    }
    child.stdout?.on('data', keep)
    child.stderr?.on('data', keep)
    child.on('error', (error) => keep(Buffer.from(`${error.message}\n`)))
    child.on('close', (code, signal) => resolve({ why: signal ?? `exit code ${code}`, tail: tail.trim() }))
  })
}
