/** Debian trixie slim under a tag of our own: pulled where the engine can, otherwise bootstrapped from the host's mirror. */
import { spawn } from 'node:child_process'
import { ApiError } from '../../errors.ts'
import type { Engine } from '../docker.ts'
import { debianMirror, hasProgram } from './host.ts'

type Builder = Pick<Engine, 'hasImage' | 'tagImage' | 'pullImage' | 'importImage'>

export const debian = 'backlot/debian:trixie-slim'
const official = 'debian:trixie-slim'
const fresh = 'backlot/debian:bootstrapping'
/** A registry that does not answer must not hold up the bootstrap. */
const pullTimeoutMs = 180_000

/** Idempotent. Throws when neither way works, with what to do. */
export async function ensureDebian(engine: Builder, onLine: (text: string) => void): Promise<void> {
  if (await engine.hasImage(debian)) return
  if (await engine.hasImage(official)) return engine.tagImage(official, debian)
  const refusal = await engine.pullImage(official, onLine, AbortSignal.timeout(pullTimeoutMs)).then(
    () => null,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  )
  if (refusal === null) return engine.tagImage(official, debian)
  onLine(`The engine cannot pull ${official} (${refusal}); bootstrapping it from a Debian mirror.`)
  const command = await bootstrap()
  if (command === null) {
    throw new ApiError(
      'runner_unavailable',
      `No base image: ${official} cannot be pulled (${refusal}) and mmdebstrap is missing. Run: apt-get install -y mmdebstrap`,
    )
  }
  await importTree(engine, command, onLine)
}

/** A command that writes the root file system to standard output as a tar. */
async function bootstrap(): Promise<readonly string[] | null> {
  const mirror = await debianMirror()
  const from = mirror === null ? [] : [mirror]
  if (await hasProgram('mmdebstrap')) {
    return ['mmdebstrap', '--quiet', '--variant=minbase', '--include=ca-certificates', 'trixie', '-', ...from]
  }
  if (!(await hasProgram('debootstrap'))) return null
  const script =
    'd=$(mktemp -d) && trap \'rm -rf "$d"\' EXIT && ' +
    'debootstrap --variant=minbase --include=ca-certificates trixie "$d" "$@" >&2 && tar -C "$d" --one-file-system -c .'
  return ['sh', '-c', script, 'debootstrap', ...from]
}

async function importTree(engine: Builder, command: readonly string[], onLine: (text: string) => void): Promise<void> {
  const [program = '', ...rest] = command
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'] })
  const errors: string[] = []
  child.stderr.setEncoding('utf8').on('data', (text: string) => errors.push(text))
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve)
  })
  await engine.importImage(child.stdout, fresh, onLine)
  // The tag that others look for is given only when the whole tree has been written.
  if ((await ended) !== 0)
    throw new ApiError('runner_unavailable', `${program} failed: ${errors.join('').slice(-1000)}`)
  await engine.tagImage(fresh, debian)
}
