/** The whole platform as people start it: `node api/bin/start.mjs --json --port 0` with a state folder of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import { removeSandboxesOf } from '../sandbox/leftovers.ts'
import { ownEnvironment } from './environment.ts'
import { createSession, type Session } from './session.ts'

const root = resolve(import.meta.dirname, '..', '..', '..')
const START_TIMEOUT_MS = 540_000
const started = z.strictObject({ url: z.url(), signInToken: z.string(), warnings: z.array(z.string()) })

export interface Platform {
  readonly url: string
  /** Single use: the first signIn() spends it. */
  readonly signInToken: string
  readonly home: string
  /** What the launcher said on standard error so far. */
  said(): string
  /** Resolves once the launcher has said something that matches. */
  untilSaid(pattern: RegExp, timeoutMs?: number): Promise<string>
  /** Signs in with the link of this start. */
  signIn(): Promise<Session>
  /** Ctrl-C, and waits for the end. Sandboxes and the state folder stay. */
  stop(): Promise<number | null>
  /** Stops, then removes this platform's sandboxes and, if it was made here, the state folder. */
  close(): Promise<void>
}

export interface PlatformOptions {
  /** Default: a new temporary folder. */
  home?: string
  env?: NodeJS.ProcessEnv
}

/** Starts the platform and waits until it serves. Rejects with what the launcher said when it ends before that. */
export async function startPlatform({ home, env = {} }: PlatformOptions = {}): Promise<Platform> {
  // Short: unix socket paths below it must fit into 108 bytes.
  const folder = home ?? mkdtempSync(join(tmpdir(), 'bl-'))
  const child = spawn(process.execPath, [join(root, 'api/bin/start.mjs'), '--json', '--port', '0', '--no-install'], {
    cwd: root,
    env: ownEnvironment({ ...env, BACKLOT_HOME: folder }),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const hearing = listenTo(child)
  const ended = new Promise<number | null>((settle) => child.on('close', (code) => settle(code)))
  const first = new Promise<string>((settle) => createInterface({ input: child.stdout }).once('line', settle))
  const early = ended.then((code) => {
    throw new Error(`The platform ended with ${code} before it was ready:\n${hearing.said()}`)
  })
  const late = AbortSignal.timeout(START_TIMEOUT_MS)
  const slow = new Promise<never>((_, reject) =>
    late.addEventListener('abort', () => reject(new Error(`The platform did not start:\n${hearing.said()}`))),
  )
  const { url, signInToken } = started.parse(JSON.parse(await Promise.race([first, early, slow])))
  early.catch(() => {})
  slow.catch(() => {})

  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
    return ended
  }
  return {
    url,
    signInToken,
    home: folder,
    said: hearing.said,
    untilSaid: hearing.untilSaid,
    signIn: () => createSession(url, { token: signInToken }),
    stop,
    async close() {
      await stop()
      await removeSandboxesOf(folder)
      if (home === undefined) rmSync(folder, { recursive: true, force: true })
    },
  }
}

function listenTo(child: ChildProcess) {
  let text = ''
  const waiters = new Set<() => void>()
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    for (const waiter of waiters) waiter()
  })
  return {
    said: () => text,
    untilSaid: (pattern: RegExp, timeoutMs = 20_000) =>
      new Promise<string>((settle, reject) => {
        const timer = setTimeout(() => reject(new Error(`The launcher never said ${pattern}:\n${text}`)), timeoutMs)
        const look = () => {
          const found = pattern.exec(text)
          if (found === null) return
          clearTimeout(timer)
          waiters.delete(look)
          settle(found[0])
        }
        waiters.add(look)
        look()
      }),
  }
}
