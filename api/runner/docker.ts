/** The engine, and the only file that knows dockerode: plain values in, plain values out, and its errors turned into ours. */
import Docker from 'dockerode'
import { z } from 'zod'
import { ApiError } from '../errors.ts'
import { inTime } from './engine/answers.ts'
import { createContainers } from './engine/containers.ts'
import { createEngineImages } from './engine/images.ts'

export type Engine = ReturnType<typeof createEngine>

/** `host`: `unix:///path`. An engine on another machine could not see this one's sockets, so there is no `tcp:`. */
export function createEngine(host: string, home: string) {
  if (!host.startsWith('unix://')) {
    throw new ApiError(
      'invalid_request',
      `The engine must be on this machine (unix://…), not at ${host}. Set DOCKER_HOST.`,
    )
  }
  const docker = new Docker({ socketPath: host.slice('unix://'.length) })
  return {
    ...createContainers(docker, home),
    ...createEngineImages(docker),
    async facts() {
      const [info, version] = await Promise.all([inTime(docker.info()), inTime(docker.version())])
      return engineFacts.parse({ ...info, Components: version.Components, ServerVersion: version.Version })
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
