/** The engine, and the only file that knows dockerode: plain values in, plain values out, and its errors turned into ours. */

import { stripVTControlCharacters } from 'node:util'
import Docker from 'dockerode'
import { z } from 'zod'
import { sandboxId } from '../contract/ids.ts'
import { type RunnerSandbox, runnerEvent, type SandboxStats } from '../contract/runner.ts'
import { ApiError } from '../errors.ts'
import { lines } from '../flow/lines.ts'
import { containerName, type containerOptions, labels } from './container.ts'

export type Engine = ReturnType<typeof createEngine>
export type EngineSandbox = RunnerSandbox & { spec: string }

/** For one call that the engine should answer at once; builds, pulls and imports answer when they begin. */
const answerTimeoutMs = 60_000

const states: Record<string, RunnerSandbox['state']> = {
  created: 'created',
  running: 'running',
  restarting: 'running',
  paused: 'paused',
}
const failure = z.object({ statusCode: z.number().optional(), code: z.string().optional(), message: z.string() })
const engineEvent = z.object({ Action: z.string(), Actor: z.object({ Attributes: z.record(z.string(), z.string()) }) })
const usage = z.object({
  read: z.string(),
  cpu_stats: z.object({ cpu_usage: z.object({ total_usage: z.number() }) }),
  memory_stats: z.object({ usage: z.number().default(0), stats: z.record(z.string(), z.unknown()).default({}) }),
  pids_stats: z.object({ current: z.number().default(0) }),
})
const buildLine = z.object({
  stream: z.string().optional(),
  status: z.string().optional(),
  error: z.string().optional(),
})

/** `host`: `unix:///path`. An engine on another machine could not see this one's sockets, so there is no `tcp:`. */
export function createEngine(host: string, home: string) {
  if (!host.startsWith('unix://')) {
    throw new ApiError(
      'invalid_request',
      `The engine must be on this machine (unix://…), not at ${host}. Set DOCKER_HOST.`,
    )
  }
  const docker = new Docker({ socketPath: host.slice('unix://'.length) })
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
      const found = await asked(docker.listContainers({ all: true, filters: { label: [mine] } }))
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
      await asked(docker.createContainer(options))
    },
    start: (id: string) => unlessAlready(container(id).start()),
    stop: (id: string) => unlessAlready(container(id).stop()),
    pause: (id: string) => asked(container(id).pause()),
    unpause: (id: string) => asked(container(id).unpause()),
    remove: (id: string) => unlessMissing(container(id).remove({ force: true, v: true })),
    /** Memory without the page cache that the kernel can take back, as `docker stats` counts it. */
    async stats(id: string): Promise<SandboxStats> {
      const seen = usage.parse(await asked(container(id).stats({ stream: false, 'one-shot': true })))
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
    },
    /** Lines of runnerEvent for as long as `signal` lets it; ends when the engine goes away. */
    async *events(signal: AbortSignal) {
      const wanted = ['start', 'die', 'oom', 'pause', 'unpause', 'destroy']
      const filters = { type: ['container' as const], label: [mine], event: wanted }
      const stream = await asked(docker.getEvents({ filters, abortSignal: signal }))
      for await (const line of lines(stream)) {
        const { Action, Actor } = engineEvent.parse(JSON.parse(line))
        const event = runnerEvent.safeParse({ id: Actor.Attributes[labels.sandbox], event: Action })
        if (event.success) yield event.data
      }
    },
    async facts() {
      const [info, version] = await Promise.all([asked(docker.info()), asked(docker.version())])
      return engineFacts.parse({ ...info, Components: version.Components, ServerVersion: version.Version })
    },
    async hasImage(tag: string): Promise<boolean> {
      return (await unlessMissing(docker.getImage(tag).inspect())) !== null
    },
    async tagImage(from: string, to: string): Promise<void> {
      const [repo = to, tag = 'latest'] = to.split(':')
      await asked(docker.getImage(from).tag({ repo, tag }))
    },
    async pullImage(name: string, onLine: (text: string) => void, signal: AbortSignal): Promise<void> {
      await followed(await docker.pull(name, { abortSignal: signal }).catch(rethrown), onLine)
    },
    /** `archive`: a tar of a root file system. */
    async importImage(archive: NodeJS.ReadableStream, to: string, onLine: (text: string) => void): Promise<void> {
      const [repo = to, tag = 'latest'] = to.split(':')
      await followed(await docker.importImage(archive, { repo, tag }).catch(rethrown), onLine)
    },
    /** The classic builder of every engine since 20.10; `network` is the host's, where the package mirrors are. */
    async buildImage(
      context: NodeJS.ReadableStream,
      options: { tag: string; dockerfile: string; buildArgs: Record<string, string>; labels: Record<string, string> },
      onLine: (text: string) => void,
    ): Promise<void> {
      const { tag, dockerfile, buildArgs } = options
      const asks = {
        t: tag,
        dockerfile,
        buildargs: buildArgs,
        labels: options.labels,
        networkmode: 'host',
        rm: true,
        forcerm: true,
      }
      // Its answer begins when the context has been sent.
      await followed(await docker.buildImage(context, asks).catch(rethrown), onLine)
    },
  }
}

const engineFacts = z.object({
  ServerVersion: z.string(),
  Runtimes: z.record(z.string(), z.object({ runtimeArgs: z.array(z.string()).optional() })),
  SecurityOptions: z.array(z.string()).nullable().default([]),
  CgroupVersion: z.string().default('1'),
  MemoryLimit: z.boolean().default(false),
  SwapLimit: z.boolean().default(false),
  PidsLimit: z.boolean().default(false),
  CpuCfsQuota: z.boolean().default(false),
  DockerRootDir: z.string().default('/var/lib/docker'),
  KernelVersion: z.string().default(''),
  Components: z
    .array(z.object({ Name: z.string(), Version: z.string(), Details: z.record(z.string(), z.string()).optional() }))
    .default([]),
})
export type EngineFacts = z.infer<typeof engineFacts>

/** Reads a build, pull or import to its end; the engine reports failure as a line, with status 200 long sent. */
async function followed(stream: NodeJS.ReadableStream, onLine: (text: string) => void): Promise<void> {
  for await (const line of lines(stream)) {
    const said = buildLine.parse(JSON.parse(line))
    if (said.error !== undefined) throw new ApiError('internal', said.error.slice(0, 2000))
    const text = stripVTControlCharacters(said.stream ?? said.status ?? '').trimEnd()
    if (text !== '') onLine(text.slice(0, 2000))
  }
}

async function asked<T>(answer: Promise<T>): Promise<T> {
  return inTime(answer).catch(rethrown)
}

/** Docker 20.10 can hang for ever on one container (a pause that met a starting exec): its caller must not. */
async function inTime<T>(answer: Promise<T>): Promise<T> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`no answer for ${answerTimeoutMs / 1000} s`)), answerTimeoutMs)
  return Promise.race([answer, tooLate]).finally(() => clearTimeout(timer))
}

async function unlessMissing<T>(answer: Promise<T>): Promise<T | null> {
  return inTime(answer).catch((error) => {
    if (failure.safeParse(error).data?.statusCode === 404) return null
    throw translated(error)
  })
}

/** 304: it is in that state already. */
async function unlessAlready(answer: Promise<unknown>): Promise<void> {
  await inTime(answer).catch((error) => {
    if (failure.safeParse(error).data?.statusCode !== 304) throw translated(error)
  })
}

function rethrown(error: unknown): never {
  throw translated(error)
}

function translated(error: unknown): Error {
  const seen = failure.safeParse(error)
  if (!seen.success) return new Error('The engine failed in a way that says nothing.', { cause: error })
  const { statusCode, message } = seen.data
  if (statusCode === undefined) return new ApiError('runner_unavailable', `Docker does not answer: ${message}`)
  if (statusCode === 404) return new ApiError('not_found', message)
  if (statusCode === 409) return new ApiError('conflict', message)
  return new ApiError('internal', `Docker refused: ${message}`)
}
