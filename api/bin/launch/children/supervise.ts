import { type ChildProcess, fork } from 'node:child_process'
import { setTimeout as wait } from 'node:timers/promises'
import { countDeath, pauseAfter } from './back-off.ts'
import { openLog } from './log.ts'

/** Longer than the programs' own closing deadline (program.ts). */
const CLOSE_TIMEOUT_MS = 10_000
/** For an end that is asked for by restart(). */
const RESTART_TIMEOUT_MS = 200
const LOG_BYTES = 20 * 1024 * 1024

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
  /** Asked at each of its lives. */
  environment: () => NodeJS.ProcessEnv
  /** Its output goes there; beyond 20 MiB the file is kept as `<log>.1` and a new one begun. */
  log: string
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
  const output = openLog(log, LOG_BYTES)
  const closing = new AbortController()
  const life: { child: ChildProcess | null; restarting: boolean; wake: AbortController } = {
    child: null,
    restarting: false,
    wake: new AbortController(),
  }

  const live = () => {
    life.restarting = false
    life.wake = new AbortController()
    const started = forkProgram(program)
    life.child = started
    return untilDeath(started, (chunk) => output.write(chunk)).finally(() => {
      life.child = null
    })
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
    while (!closing.signal.aborted) {
      const started = Date.now()
      const { why, tail } = await live()
      if (closing.signal.aborted) return
      if (life.restarting) {
        deaths = 0
        continue
      }
      deaths = countDeath(deaths, Date.now() - started)
      const pauseMs = pauseAfter(deaths)
      say(`${name} stopped (${why}); starting it again in ${pauseMs / 1000} s. Its log: ${log}`)
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

function forkProgram({ entry, environment, onMessage }: Program): ChildProcess {
  // Detached: Ctrl-C in the terminal must reach the launcher alone, which stops the programs in order.
  const started = fork(entry, [], {
    env: environment(),
    detached: true,
    execArgv: ['--import', new URL('./leash.ts', import.meta.url).href],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  started.on('message', (message) => onMessage?.(message))
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
