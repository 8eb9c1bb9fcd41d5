/** What the runner can do, and nothing else: each verb from a parsed value to a plain answer. Verbs on one sandbox run one after another. */
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import type { DoctorReport, RunnerSandbox, SandboxSpec, SandboxStats } from '../contract/runner.ts'
import { ApiError } from '../errors.ts'
import { createKeyedQueue } from '../flow/keyed-queue.ts'
import { unheldLimits } from '../policy/limits.ts'
import { containerOptions, specHash } from './container.ts'
import type { Engine, EngineSandbox } from './docker.ts'
import type { UserFiles } from './users.ts'
import type { Workspaces } from './workspace.ts'

export type VerbsOptions = {
  engine: Engine
  workspaces: Workspaces
  userFiles: UserFiles
  /** `<state>/sandboxes`: the gateway makes a directory of sockets in it before a sandbox is created. */
  socketsRoot: string
  home: string
  enforceable: () => Promise<DoctorReport>
}
export type Verbs = ReturnType<typeof createVerbs>

export function createVerbs({ engine, workspaces, userFiles, socketsRoot, home, enforceable }: VerbsOptions) {
  const queue = createKeyedQueue<string>()

  async function existing(id: string): Promise<EngineSandbox> {
    const seen = await engine.inspect(id)
    if (seen === null) throw new ApiError('not_found', `There is no container of ${id}.`)
    return seen
  }

  /** Runs one verb on a container that exists, in its queue, and answers with what has become of it. */
  const changed = (id: string, change: (seen: EngineSandbox) => Promise<void>) =>
    queue.run(id, async () => {
      await change(await existing(id))
      return plain(await existing(id))
    })

  /** Creates and starts. With the same spec again: the same answer; with another: `conflict`. */
  async function create(spec: SandboxSpec): Promise<RunnerSandbox> {
    const before = await engine.inspect(spec.id)
    if (before !== null && before.spec !== specHash(spec)) {
      throw new ApiError('conflict', `${spec.id} exists already and is made from something else.`)
    }
    if (before === null) {
      await make(spec)
    } else {
      await workspaces.ensure(spec.id, workspaceOf(spec))
      await engine.start(spec.id)
    }
    return plain(await existing(spec.id))
  }

  async function make(spec: SandboxSpec): Promise<void> {
    await refuseWhatCannotHold(spec)
    const socketsDirectory = join(socketsRoot, spec.id)
    await access(socketsDirectory).catch(() => {
      throw new ApiError('conflict', `${spec.id} has no socket directory yet: the gateway opens its door first.`)
    })
    const workspaceDirectory = await workspaces.place(spec.id)
    const kept = await workspaces.exists(spec.id)
    await userFiles.write(spec.id, spec.users)
    // The engine only looks whether the place is there and binds it at start, so both can be prepared at once.
    const made = await Promise.allSettled([
      workspaces.ensure(spec.id, workspaceOf(spec)),
      engine.create(
        containerOptions(spec, {
          home,
          socketsDirectory,
          workspaceDirectory,
          usersDirectory: userFiles.directoryOf(spec.id),
        }),
      ),
    ])
    try {
      for (const one of made) if (one.status === 'rejected') throw one.reason
      await engine.start(spec.id)
    } catch (error) {
      await engine.remove(spec.id)
      await workspaces.remove(spec.id, kept ? 'keep' : 'remove')
      await userFiles.remove(spec.id)
      throw missingImage(error, spec.image)
    }
  }

  /** Law 3: what this host cannot enforce is refused by name. */
  async function refuseWhatCannotHold(spec: SandboxSpec): Promise<void> {
    const host = await enforceable()
    if (!host.runtimes.includes(spec.runtime)) {
      throw new ApiError('policy_invalid', `sandbox.runtime: ${spec.runtime} is not registered with Docker here.`)
    }
    const unheld = unheldLimits(spec, host)
    if (unheld !== null) throw new ApiError('policy_invalid', `sandbox.runtime: ${unheld}`)
    if (!host.sizedWorkspace) {
      throw new ApiError('policy_invalid', 'sandbox.disk cannot be enforced here. Run `backlot doctor` for the reason.')
    }
  }

  return {
    create: (spec: SandboxSpec) => queue.run(spec.id, () => create(spec)),
    get: async (id: string) => plain(await existing(id)),
    list: async () => (await engine.list()).map(plain),
    start: (id: string) =>
      changed(id, async ({ state }) => {
        if (state === 'paused') return engine.unpause(id)
        await workspaces.remount(id)
        await engine.start(id)
      }),
    stop: (id: string) =>
      changed(id, async ({ state }) => {
        // A frozen process cannot hear that it should end.
        if (state === 'paused') await engine.unpause(id)
        await engine.stop(id)
      }),
    pause: (id: string) => changed(id, async ({ state }) => (state === 'paused' ? undefined : engine.pause(id))),
    unpause: (id: string) => changed(id, async ({ state }) => (state === 'paused' ? engine.unpause(id) : undefined)),
    remove: (id: string, workspace: 'remove' | 'keep') =>
      queue.run(id, async () => {
        // A container of that name which another installation made is not ours to end.
        const seen = await engine.inspect(id)
        // What is frozen cannot be killed everywhere (control groups v1).
        if (seen?.state === 'paused') await engine.unpause(id)
        if (seen !== null) await engine.remove(id)
        await workspaces.remove(id, workspace)
        await userFiles.remove(id)
      }),
    async stats(id: string): Promise<SandboxStats> {
      await existing(id)
      return engine.stats(id)
    },
  }
}

function plain({ spec: _, ...sandbox }: EngineSandbox): RunnerSandbox {
  return sandbox
}

const workspaceOf = ({ diskBytes, workspaceExec, users }: SandboxSpec) => ({
  diskBytes,
  exec: workspaceExec,
  owner: users.maker,
})

function missingImage(error: unknown, image: string): unknown {
  if (!(error instanceof ApiError) || error.code !== 'not_found') return error
  return new ApiError('conflict', `${image} is not built on this machine. Build the policy's image first.`)
}
