/** Debian trixie slim under a tag of our own: pulled where the engine can, otherwise bootstrapped from the host's mirror. */
import { execFile, spawn } from 'node:child_process'
import { promisify } from 'node:util'
import { ApiError } from '../../errors.ts'
import type { Engine } from '../docker.ts'

export const debian = 'backlot/debian:trixie-slim'
const official = 'debian:trixie-slim'
/** A registry that does not answer must not hold up the bootstrap. */
const pullTimeoutMs = 180_000

/** Idempotent. Throws when neither way works, with what to do. */
export async function ensureDebian(engine: Engine, onLine: (text: string) => void): Promise<void> {
  if (await engine.hasImage(debian)) return
  const pulled = await engine.pullImage(official, onLine, AbortSignal.timeout(pullTimeoutMs)).then(
    () => null,
    (error: unknown) => String(error),
  )
  if (pulled === null) return engine.tagImage(official, debian)
  onLine(`The engine cannot pull ${official} (${pulled}); bootstrapping it from a Debian mirror.`)
  if (await has('mmdebstrap')) return imported(engine, bootstrap, onLine)
  throw new ApiError(
    'runner_unavailable',
    `No Debian base image: ${official} cannot be pulled (${pulled}) and mmdebstrap is missing. Run: apt-get install -y mmdebstrap`,
  )
}

/** The mirror is mmdebstrap's own default or what apt on the host uses; `-` writes a tar to standard output. */
const bootstrap = ['mmdebstrap', '--quiet', '--variant=minbase', '--include=ca-certificates', 'trixie', '-']

async function imported(engine: Engine, command: readonly string[], onLine: (text: string) => void): Promise<void> {
  const [program = '', ...rest] = command
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'] })
  const said: string[] = []
  child.stderr.setEncoding('utf8').on('data', (text: string) => said.push(text))
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve)
  })
  await engine.importImage(child.stdout, `${debian}-fresh`, onLine)
  // The tag that others look for is given only when the whole tree has been written.
  if ((await ended) !== 0) throw new ApiError('runner_unavailable', `mmdebstrap failed: ${said.join('').slice(-1000)}`)
  await engine.tagImage(`${debian}-fresh`, debian)
}

async function has(program: string): Promise<boolean> {
  return promisify(execFile)(program, ['--version'], { timeout: 10_000 }).then(
    () => true,
    () => false,
  )
}
