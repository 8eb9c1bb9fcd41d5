import type Docker from 'dockerode'
import { z } from 'zod'
import { sandboxId } from '../../contract/ids.ts'
import { type RunnerSandbox, runnerEvent, type SandboxStats } from '../../contract/programs/runner.ts'
import { lines } from '../../flow/lines.ts'
import { containerName, type containerOptions, labels } from '../container.ts'
import { inTime, unlessAlready, unlessMissing } from './answers.ts'

export type EngineSandbox = RunnerSandbox & { spec: string }

const states: Record<string, RunnerSandbox['state']> = {
  created: 'created',
  running: 'running',
  restarting: 'running',
  paused: 'paused',
}
const engineEvent = z.object({ Action: z.string(), Actor: z.object({ Attributes: z.record(z.string(), z.string()) }) })
const usage = z.object({
  read: z.string(),
  cpu_stats: z.object({ cpu_usage: z.object({ total_usage: z.number() }) }),
  memory_stats: z.object({ usage: z.number().default(0), stats: z.record(z.string(), z.unknown()).default({}) }),
  pids_stats: z.object({ current: z.number().default(0) }),
})

/** Containers of the installation that `home` names; those of another are as if they were not there. */
export function createContainers(docker: Docker, home: string) {
  const mine = `${labels.home}=${home}`
  const container = (id: string) => docker.getContainer(containerName(id))

  async function inspect(id: string): Promise<EngineSandbox | null> {
    const seen = await unlessMissing(container(id).inspect())
    if (seen === null || seen.Config.Labels[labels.home] !== home) return null
    const state = states[seen.State.Status] ?? 'exited'
    return {
      id: sandboxId.parse(seen.Config.Labels[labels.sandbox]),
      container: seen.Id,
      image: seen.Config.Labels[labels.image] ?? seen.Config.Image,
      state,
      exitCode: state === 'exited' ? seen.State.ExitCode : null,
      oomKilled: seen.State.OOMKilled,
      spec: seen.Config.Labels[labels.spec] ?? '',
    }
  }

  return {
    inspect,
    /** Only what has ended is inspected: inspecting waits for the container's lock, and one stuck one would hide all. */
    async list(): Promise<EngineSandbox[]> {
      const found = await inTime(docker.listContainers({ all: true, filters: { label: [mine] } }))
      const seen = found.map(async ({ Id, State, Labels }): Promise<EngineSandbox | null> => {
        const id = sandboxId.parse(Labels[labels.sandbox])
        const state = states[State] ?? 'exited'
        if (state === 'exited') return inspect(id)
        const [image = '', spec = ''] = [Labels[labels.image], Labels[labels.spec]]
        return { id, container: Id, image, state, exitCode: null, oomKilled: false, spec }
      })
      return (await Promise.all(seen)).filter((one) => one !== null)
    },
    async create(options: ReturnType<typeof containerOptions>): Promise<void> {
      await inTime(docker.createContainer(options))
    },
    start: (id: string) => unlessAlready(container(id).start()),
    stop: (id: string) => unlessAlready(container(id).stop()),
    pause: (id: string) => inTime(container(id).pause()),
    unpause: (id: string) => inTime(container(id).unpause()),
    remove: (id: string) => unlessMissing(container(id).remove({ force: true, v: true })),
    stats: async (id: string) => statsOf(await inTime(container(id).stats({ stream: false, 'one-shot': true }))),
    /** Lines of runnerEvent for as long as `signal` lets it; ends when the engine goes away. */
    async *events(signal: AbortSignal) {
      const wanted = ['start', 'die', 'oom', 'pause', 'unpause', 'destroy']
      const filters = { type: ['container' as const], label: [mine], event: wanted }
      const stream = await inTime(docker.getEvents({ filters, abortSignal: signal }))
      for await (const line of lines(stream)) {
        const { Action, Actor } = engineEvent.parse(JSON.parse(line))
        const event = runnerEvent.safeParse({ id: Actor.Attributes[labels.sandbox], event: Action })
        if (event.success) yield event.data
      }
    },
  }
}

/** Memory without the page cache that the kernel can take back, as `docker stats` counts it. */
function statsOf(answer: unknown): SandboxStats {
  const seen = usage.parse(answer)
  const { usage: memory, stats } = seen.memory_stats
  // Control groups v1, then v2.
  const reclaimable = z
    .number()
    .catch(0)
    .parse(stats.total_inactive_file ?? stats.inactive_file)
  return {
    cpuNanoseconds: seen.cpu_stats.cpu_usage.total_usage,
    memoryBytes: Math.max(0, memory - reclaimable),
    pids: seen.pids_stats.current,
    at: seen.read,
  }
}
