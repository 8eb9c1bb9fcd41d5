/** A runner of its own in the test's process: a fresh state folder, the real engine, the real image of the given tools. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import Docker from 'dockerode'
import { runnerConfig } from '../../../api/config.ts'

import { type SandboxSpec, usersOf } from '../../../api/contract/programs/runner.ts'

import { newId } from '../../../api/ids.ts'
import { containerName, homeLabel } from '../../../api/runner/container.ts'
import { createEngine } from '../../../api/runner/docker.ts'
import { createDoctor } from '../../../api/runner/doctor/examine.ts'
import { createImages } from '../../../api/runner/images/build.ts'
import { hostBuildArguments } from '../../../api/runner/images/host.ts'
import { createUserFiles } from '../../../api/runner/users.ts'
import { createVerbs } from '../../../api/runner/verbs.ts'
import { createWorkspaces } from '../../../api/runner/workspace.ts'
import { testEngineHost } from './engine.ts'

export type Outcome = { exitCode: number; stdout: string; stderr: string }
export type TestRunner = Awaited<ReturnType<typeof createTestRunner>>

/** Docker or the package mirrors may be slow the first time: give the hook that calls this ten minutes. */
export async function createTestRunner({ tools = [] }: { tools?: readonly string[] } = {}) {
  const host = await testEngineHost()
  const docker = new Docker({ socketPath: host.replace('unix://', '') })
  const root = await mkdtemp(join(tmpdir(), 'bl-'))
  const home = homeLabel(root)
  const engine = createEngine(host, home)
  const workspaces = createWorkspaces(join(root, 'workspaces'))
  const userFiles = createUserFiles(join(root, 'workspaces'))
  const doctor = createDoctor({ engine, workspaces })
  const config = runnerConfig()
  const images = createImages({
    engine,
    folder: resolve(import.meta.dirname, '..', '..', '..', 'sandbox-images'),
    extraCa: config.extraCa,
    buildArguments: () => hostBuildArguments(config.proxies),
    requireRoom: workspaces.requireRoom,
  })
  const socketsRoot = join(root, 'sandboxes')
  const verbs = createVerbs({
    engine,
    workspaces,
    userFiles,
    socketsRoot,
    home,
    enforceable: doctor.enforceable,
  })
  const image = await images.ensure(tools, () => {})
  const specs = new Map<string, SandboxSpec>()
  let slot = 0

  /**
   * A spec with a new id, and the directory of sockets that the gateway would have made for it. Where this host cannot hold
   * the runtime's limits, it accepts that: what else holds under gVisor is tested everywhere.
   */
  async function spec(wanted: Partial<SandboxSpec> = {}): Promise<SandboxSpec> {
    const id = newId('sb')
    await mkdir(join(socketsRoot, id), { recursive: true })
    const sizes = { cpus: 1, memoryBytes: 512 * 2 ** 20, diskBytes: 256 * 2 ** 20, pids: 128 }
    const { runtime = 'runc' } = wanted
    const { unlimited } = await doctor.enforceable()
    const accepted = unlimited[runtime] === undefined ? {} : { unsafeUnlimited: true as const }
    const made: SandboxSpec = {
      id,
      policy: { name: 'standard', version: 1 },
      image,
      runtime,
      users: usersOf(slot++, runtime),
      ...sizes,
      ...accepted,
      workspaceExec: true,
      environment: {},
      ...wanted,
    }
    specs.set(id, made)
    return made
  }

  return {
    root,
    engine,
    workspaces,
    userFiles,
    doctor,
    images,
    verbs,
    image,
    socketsRoot,
    spec,
    async create(wanted: Partial<SandboxSpec> = {}): Promise<SandboxSpec> {
      const asked = await spec(wanted)
      await verbs.create(asked)
      return asked
    },
    inspect: (id: string) => docker.getContainer(containerName(id)).inspect(),
    /** Runs argv as maker with `docker exec`: what an attacker in the sandbox could run. Ends it after `timeoutMs`. */
    async run(
      id: string,
      argv: readonly string[],
      { timeoutMs = 60_000, as = 'maker' }: { timeoutMs?: number; as?: 'maker' | 'porter' } = {},
    ): Promise<Outcome> {
      const limited = ['timeout', '-s', 'KILL', String(timeoutMs / 1000), ...argv]
      const user = specs.get(id)?.users[as]
      const asks = {
        Cmd: limited,
        User: `${user}:${user}`,
        WorkingDir: '/workspace',
        AttachStdout: true,
        AttachStderr: true,
      }
      const exec = await docker.getContainer(containerName(id)).exec(asks)
      const stream = await exec.start({})
      const [out, err] = [new PassThrough(), new PassThrough()]
      docker.modem.demuxStream(stream, out, err)
      stream.once('close', () => [out.end(), err.end()])
      stream.once('end', () => [out.end(), err.end()])
      const [stdout, stderr] = await Promise.all([text(out), text(err)])
      return { exitCode: (await exec.inspect()).ExitCode ?? -1, stdout, stderr }
    },
    /** What a crash of its first program is, seen from the host. */
    async crash(id: string): Promise<void> {
      const { State } = await docker.getContainer(containerName(id)).inspect()
      process.kill(State.Pid, 'SIGKILL')
    },
    async close(): Promise<void> {
      for (const id of specs.keys()) await verbs.remove(id, 'remove')
      await rm(root, { recursive: true, force: true })
    },
  }
}
