/** Creating a sandbox's container and its workspace: both or, when one fails, neither. */
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import type { DoctorReport, SandboxSpec } from '../contract/programs/runner.ts'
import { ApiError } from '../errors.ts'
import { unheldLimits, unpatchedRuntime } from '../policy/limits.ts'
import { containerOptions, specHash } from './container.ts'
import type { Engine } from './docker.ts'
import type { UserFiles } from './users.ts'
import type { Workspaces } from './workspace.ts'

export type CreateOptions = {
  engine: Engine
  workspaces: Workspaces
  userFiles: UserFiles
  /** `<state>/sandboxes`: the gateway makes a directory of sockets in it before a sandbox is created. */
  socketsRoot: string
  home: string
  enforceable: () => Promise<DoctorReport>
}

/** Creates and starts. With the same spec again: starts it; with another: throws `conflict`. */
export async function createSandbox(options: CreateOptions, spec: SandboxSpec): Promise<void> {
  const { engine, workspaces } = options
  // Also for one that was made already: what it runs on may have become known as broken since then.
  refuseKnownEscapes(spec, await options.enforceable())
  const before = await engine.inspect(spec.id)
  if (before === null) return make(options, spec)
  if (before.spec !== specHash(spec)) {
    throw new ApiError('conflict', `${spec.id} exists already and is made from something else.`)
  }
  await workspaces.ensure(spec.id, workspaceOf(spec))
  await engine.start(spec.id)
}

async function make(options: CreateOptions, spec: SandboxSpec): Promise<void> {
  const { engine, workspaces, userFiles, socketsRoot, home } = options
  refuseWhatCannotHold(spec, await options.enforceable())
  const socketsDirectory = join(socketsRoot, spec.id)
  await access(socketsDirectory).catch(() => {
    throw new ApiError('conflict', `${spec.id} has no socket directory yet: the gateway opens its door first.`)
  })
  const workspaceDirectory = await workspaces.place(spec.id)
  const kept = await workspaces.exists(spec.id)
  const usersDirectory = await userFiles.write(spec.id, spec.users)
  // The engine only looks whether the place is there and binds it at start, so both can be prepared at once.
  const made = await Promise.allSettled([
    workspaces.ensure(spec.id, workspaceOf(spec)),
    engine.create(containerOptions(spec, { home, socketsDirectory, workspaceDirectory, usersDirectory })),
  ])
  try {
    for (const one of made) if (one.status === 'rejected') throw one.reason
    await engine.start(spec.id)
  } catch (error) {
    await engine.remove(spec.id)
    await workspaces.remove(spec.id, kept ? 'keep' : 'remove')
    await userFiles.remove(spec.id)
    throw nameMissingImage(error, spec.image)
  }
}

const workspaceOf = ({ diskBytes, workspaceExec, users }: SandboxSpec) => ({
  diskBytes,
  exec: workspaceExec,
  owner: users.maker,
})

function refuseKnownEscapes(spec: SandboxSpec, host: DoctorReport): void {
  const unpatched = unpatchedRuntime(spec, host)
  if (unpatched !== null) throw new ApiError('policy_invalid', `sandbox.requirePatchedRuntime: ${unpatched}`)
}

/** Law 3: what this host cannot enforce is refused by name. */
function refuseWhatCannotHold(spec: SandboxSpec, host: DoctorReport): void {
  if (!host.runtimes.includes(spec.runtime)) {
    throw new ApiError('policy_invalid', `sandbox.runtime: ${spec.runtime} is not registered with Docker here.`)
  }
  const unheld = unheldLimits(spec, host)
  if (unheld !== null) throw new ApiError('policy_invalid', `sandbox.runtime: ${unheld}`)
  if (!host.sizedWorkspace) {
    throw new ApiError('policy_invalid', 'sandbox.disk cannot be enforced here. Run `backlot doctor` for the reason.')
  }
}

function nameMissingImage(error: unknown, image: string): unknown {
  if (!(error instanceof ApiError) || error.code !== 'not_found') return error
  return new ApiError('conflict', `${image} is not built on this machine. Build the policy's image first.`)
}
