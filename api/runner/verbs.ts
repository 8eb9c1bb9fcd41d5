/** What the runner can do, and nothing else: each verb from a parsed value to a plain answer. Verbs on one sandbox run one after another. */
import type { RunnerSandbox, SandboxSpec, SandboxStats } from '../contract/programs/runner.ts'
import { ApiError } from '../errors.ts'
import { createKeyedQueue } from '../flow/keyed-queue.ts'
import { type CreateOptions, createSandbox } from './create.ts'
import type { EngineSandbox } from './engine/containers.ts'

export type Verbs = ReturnType<typeof createVerbs>

export function createVerbs(options: CreateOptions) {
  const { engine, workspaces } = options
  const queue = createKeyedQueue<string>()

  async function existing(id: string): Promise<EngineSandbox> {
    const seen = await engine.inspect(id)
    if (seen === null) throw new ApiError('not_found', `There is no container of ${id}.`)
    return seen
  }

  /** Runs one verb on a container that exists, in its queue, and answers with what has become of it. */
  const change = (id: string, verb: (seen: EngineSandbox) => Promise<void>) =>
    queue.run(id, async () => {
      await verb(await existing(id))
      return plain(await existing(id))
    })

  return {
    create: (spec: SandboxSpec) =>
      queue.run(spec.id, async () => {
        await createSandbox(options, spec)
        return plain(await existing(spec.id))
      }),
    get: async (id: string) => plain(await existing(id)),
    list: async () => (await engine.list()).map(plain),
    start: (id: string) =>
      change(id, async ({ state }) => {
        if (state === 'paused') return engine.unpause(id)
        await workspaces.remount(id)
        await engine.start(id)
      }),
    stop: (id: string) =>
      change(id, async ({ state }) => {
        // A frozen process cannot hear that it should end.
        if (state === 'paused') await engine.unpause(id)
        await engine.stop(id)
      }),
    pause: (id: string) => change(id, async ({ state }) => (state === 'paused' ? undefined : engine.pause(id))),
    unpause: (id: string) => change(id, async ({ state }) => (state === 'paused' ? engine.unpause(id) : undefined)),
    remove: (id: string, workspace: 'remove' | 'keep') =>
      queue.run(id, async () => {
        // A container of that name which another installation made is not ours to end.
        const seen = await engine.inspect(id)
        // What is frozen cannot be killed everywhere (control groups v1).
        if (seen?.state === 'paused') await engine.unpause(id)
        if (seen !== null) await engine.remove(id)
        await workspaces.remove(id, workspace)
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
