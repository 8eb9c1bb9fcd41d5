import { join } from 'node:path'
import { untilListening } from './listening.ts'
import { type ChildMessage, childMessage } from './messages.ts'
import { type Program, supervise } from './supervise.ts'

const START_TIMEOUT_MS = 60_000
/** Deaths of one program during the start after which the start is given up. */
const DEATHS = 3

export interface Child {
  /** Resolves with the first message from now on; rejects when the program keeps dying, or says nothing for a minute. */
  message(): Promise<ChildMessage>
  /** Resolves once it listens on that unix socket; rejects as message() does. */
  listening(socketPath: string): Promise<void>
  restart(): void
}

export interface Children {
  open(
    name: string,
    entry: string,
    extra?: NodeJS.ProcessEnv | ((silentMs: number) => NodeJS.ProcessEnv),
    more?: Pick<Program, 'heartbeat'>,
  ): Child
  /** Closes them in the reverse order of opening. */
  close(): Promise<void>
}

interface Options {
  /** The folder for what they print; null: our own output. */
  logs: string | null
  say: (text: string) => void
  /** A message that nobody waited for: from a program that was started again. */
  onLateMessage: (message: ChildMessage) => void
  /** The end of what a program printed before it died unasked. */
  onDeath?: (tail: string) => void
}

/** The launcher's programs, each started again whenever it dies. */
export function createChildren({ logs, say, onLateMessage, onDeath }: Options): Children {
  const closers: (() => Promise<void>)[] = []
  return {
    open(name, entry, extra = {}, more = {}) {
      const start = createWaiting(name)
      const supervised = supervise({
        name,
        entry,
        environment: (silentMs) => ({ ...process.env, ...(typeof extra === 'function' ? extra(silentMs) : extra) }),
        log: logs === null ? null : join(logs, `${name.replace('/', '-')}.log`),
        ...more,
        say,
        onMessage: (message) => {
          const read = childMessage.safeParse(message)
          if (read.success && !start.deliver(read.data)) onLateMessage(read.data)
        },
        onDeath: (_why, tail) => {
          start.died(tail)
          onDeath?.(tail)
        },
      })
      closers.push(() => supervised.close())
      return {
        message: start.message,
        listening: (socketPath) => untilListening(socketPath, START_TIMEOUT_MS, start.failure),
        restart: () => supervised.restart(),
      }
    },
    async close() {
      for (const close of closers.toReversed()) await close()
    },
  }
}

/** Who waits for a program's message, and whether there is any hope of one. */
function createWaiting(name: string) {
  const waiting = new Set<{ resolve: (message: ChildMessage) => void; reject: (error: Error) => void }>()
  const deaths = { count: 0, tail: '' }
  const failure = () => (deaths.count < DEATHS ? null : `${name} does not start:\n${deaths.tail}`)
  const takeAll = () => {
    const all = [...waiting]
    waiting.clear()
    return all
  }
  return {
    failure,
    /** Whether somebody waited for it. */
    deliver(message: ChildMessage): boolean {
      const all = takeAll()
      for (const { resolve } of all) resolve(message)
      return all.length > 0
    },
    died(tail: string) {
      deaths.count += 1
      deaths.tail = tail
      const reason = failure()
      if (reason !== null) for (const { reject } of takeAll()) reject(new Error(reason))
    },
    message: () =>
      new Promise<ChildMessage>((resolve, reject) => {
        const waiter = { resolve, reject }
        waiting.add(waiter)
        setTimeout(() => {
          if (waiting.delete(waiter)) reject(new Error(`${name} is not ready after a minute`))
        }, START_TIMEOUT_MS).unref()
      }),
  }
}
