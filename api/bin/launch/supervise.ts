import { type ChildProcess, fork } from 'node:child_process'
import { setTimeout as wait } from 'node:timers/promises'
import { openLog } from './log.ts'

const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 10_000
/** After this long a program counts as healthy, and its next death starts the back-off anew. */
const HEALTHY_AFTER_MS = 30_000
/** Longer than the programs' own closing deadline (program.ts). */
const CLOSE_TIMEOUT_MS = 10_000
const LOG_BYTES = 20 * 1024 * 1024

export interface Supervised {
  readonly name: string
  /** The running child's pid, or null between two lives. */
  pid(): number | null
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

/** Starts a program and starts it again, with back-off, whenever it dies; each death is said. */
export function supervise({ name, entry, environment, log, say, onMessage, onDeath }: Program): Supervised {
  const output = openLog(log, LOG_BYTES)
  const closing = new AbortController()
  let child: ChildProcess | null = null

  /** Runs it once; resolves with why and how it ended. */
  const live = () =>
    new Promise<{ why: string; tail: string }>((resolve) => {
      // Detached: Ctrl-C in the terminal must reach the launcher alone, which stops the programs in order.
      const started = fork(entry, [], {
        env: environment(),
        detached: true,
        execArgv: ['--import', new URL('./leash.ts', import.meta.url).href],
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      })
      child = started
      let tail = ''
      const keep = (chunk: Buffer) => {
        output.write(chunk)
        tail = (tail + chunk.toString('utf8')).slice(-2_000)
      }
      started.stdout?.on('data', keep)
      started.stderr?.on('data', keep)
      started.on('message', (message) => onMessage?.(message))
      started.on('error', (error) => keep(Buffer.from(`${error.message}\n`)))
      started.on('close', (code, signal) => {
        child = null
        resolve({ why: signal ?? `exit code ${code}`, tail: tail.trim() })
      })
    })

  const forever = async () => {
    let pauseMs = FIRST_PAUSE_MS
    while (!closing.signal.aborted) {
      const started = Date.now()
      const { why, tail } = await live()
      if (closing.signal.aborted) return
      if (Date.now() - started > HEALTHY_AFTER_MS) pauseMs = FIRST_PAUSE_MS
      say(`${name} stopped (${why}); starting it again in ${pauseMs / 1000} s. Its log: ${log}`)
      onDeath?.(why, tail)
      await wait(pauseMs, undefined, { signal: closing.signal }).catch(() => {})
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
    }
  }
  const over = forever()

  return {
    name,
    pid: () => child?.pid ?? null,
    async close() {
      closing.abort()
      child?.kill('SIGTERM')
      const patience = setTimeout(() => child?.kill('SIGKILL'), CLOSE_TIMEOUT_MS)
      await over
      clearTimeout(patience)
      output.close()
    },
  }
}
