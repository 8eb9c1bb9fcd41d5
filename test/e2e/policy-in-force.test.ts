/** A policy that changes while somebody works: what it takes away is gone at once, what it adds waits, and every place says the same. */
import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type AuditView, auditList } from '../../api/contract/audit.ts'
import { policyPublished, policyView } from '../../api/contract/policy.ts'
import { type PrototypeView, prototypeView } from '../../api/contract/prototypes.ts'
import { containerName } from '../../api/runner/container.ts'
import { testEngineHost } from '../support/sandbox/engine.ts'
import { type Platform, startPlatform } from '../support/server/platform.ts'
import type { Session } from '../support/server/session.ts'
import { openTerminal } from '../support/server/terminal.ts'
import { until } from '../support/until.ts'

/** Image, container and proof on a busy machine. */
const REBUILT_MS = 120_000

describe('a policy that changes while a sandbox runs', () => {
  let platform: Platform
  let owner: Session
  let prototype: PrototypeView
  let docker: Docker
  let source = ''

  beforeAll(async () => {
    docker = new Docker({ socketPath: (await testEngineHost()).replace('unix://', '') })
    platform = await startPlatform()
    owner = await platform.signIn()
    prototype = await owner.createPrototype('A page about tides')
    source = policyView.parse((await owner.call('GET', '/policies/standard')).body).source
  })
  afterAll(() => platform?.close())

  const id = () => prototype.sandbox.id
  const shell = (script: string) => owner.shell(id(), script)
  const look = async () => prototypeView.parse((await owner.call('GET', `/prototypes/${prototype.id}`)).body).sandbox
  async function publish(exec: boolean, memory: string, disk: string) {
    const yaml = source
      .replace('workspaceExec: true', `workspaceExec: ${exec}`)
      .replace('memory: 2GiB', `memory: ${memory}`)
      .replace('disk: 4GiB', `disk: ${disk}`)
    const { status, body } = await owner.call('POST', '/policies/standard/publish', { yaml })
    expect(status, JSON.stringify(body)).toBe(200)
    return policyPublished.parse(body)
  }
  const claimedBy = (version: number) =>
    until(
      `the sandbox is ready by version ${version}`,
      async () => {
        const sandbox = await look()
        if (sandbox.state === 'failed') throw new Error(`It failed: ${sandbox.detail}`)
        return sandbox.state === 'claimed' && sandbox.policy.version === version ? sandbox : null
      },
      REBUILT_MS,
    )
  const container = async () => {
    const { Config, HostConfig } = await docker.getContainer(containerName(id())).inspect()
    return { policy: Config.Labels['backlot.policy'], memory: HostConfig.Memory }
  }
  /** The newest event of a kind, as soon as the log shows it. */
  const newest = (kind: string, fits: (event: AuditView) => boolean = () => true) =>
    until(`the log shows ${kind}`, async () => {
      const { body } = await owner.call('GET', `/audit/events?limit=100&kind=${kind}&sandbox=${id()}`)
      return auditList.parse(body).items.find(fits) ?? null
    })
  /** By which version a refused connection is judged. */
  async function judgedBy(host: string) {
    await shell(`curl -s --max-time 20 https://${host}`)
    return (await newest('egress.request', ({ detail }) => detail.host === host)).policy
  }

  test('what it takes away is gone with the publishing: rebuilt, proven, and the files are there (C30)', async () => {
    await shell(
      'echo kept > /workspace/file; printf "#!/bin/sh\\necho ran\\n" > /workspace/run; chmod +x /workspace/run',
    )
    expect(await shell('/workspace/run')).toMatchObject({ stdout: 'ran\n' })
    expect(await container()).toEqual({ policy: 'standard/1', memory: 2 ** 31 })
    const terminal = await openTerminal(owner, id(), 'main')
    terminal.send('/workspace/run; sleep 1000\r')
    await terminal.until(/ran/)

    expect(await publish(false, '512MiB', '3GiB')).toMatchObject({ version: 2, sandboxes: { rebuilt: 1, waiting: 0 } })
    expect(await owner.call('POST', `/sandboxes/${id()}/exec`, { argv: ['/workspace/run'] })).toMatchObject({
      status: 409,
    })
    expect(await until('its terminal says why it ended', () => terminal.exit(), 5_000)).toEqual({
      type: 'exit',
      exitCode: null,
      reason: 'Your admin changed the rules of this workspace. It is being rebuilt; your files stay.',
    })

    const sandbox = await claimedBy(2)
    expect(sandbox).toMatchObject({ policy: { name: 'standard', version: 2 }, waiting: null, proof: { ok: true } })
    expect(sandbox.proof?.probes.map(({ probe }) => probe)).toContain('forbidden-executable')
    expect(await container()).toEqual({ policy: 'standard/2', memory: 2 ** 29 })
    expect(await shell('cat /workspace/file')).toMatchObject({ stdout: 'kept\n' })
    expect((await shell('/workspace/run')).exitCode).not.toBe(0)
    const policy = { name: 'standard', version: 2 }
    expect(await judgedBy('narrowed.example')).toEqual(policy)
    for (const kind of ['sandbox.proven', 'sandbox.state', 'exec.started'])
      expect((await newest(kind)).policy).toEqual(policy)
  })

  test('what it adds waits, and is there when the owner applies it', async () => {
    expect(await publish(true, '1GiB', '4GiB')).toMatchObject({ version: 3, sandboxes: { rebuilt: 0, waiting: 1 } })
    expect(await look()).toMatchObject({
      state: 'claimed',
      policy: { name: 'standard', version: 3, container: 2 },
      waiting: {
        'tools.workspaceExec': { from: false, to: true },
        'sandbox.memoryBytes': { from: 2 ** 29, to: 2 ** 30 },
        'sandbox.diskBytes': { from: 3 * 2 ** 30, to: 2 ** 32 },
      },
    })
    expect((await shell('/workspace/run')).exitCode).not.toBe(0)
    expect(await judgedBy('waiting.example')).toEqual({ name: 'standard', version: 3, container: 2 })

    expect((await owner.call('POST', `/sandboxes/${id()}/apply-policy`)).status).toBe(204)
    const sandbox = await claimedBy(3)
    expect(sandbox).toMatchObject({ policy: { name: 'standard', version: 3 }, waiting: null, proof: { ok: true } })
    expect(await container()).toEqual({ policy: 'standard/3', memory: 2 ** 30 })
    expect(await shell('/workspace/run && cat /workspace/file')).toMatchObject({ stdout: 'ran\nkept\n' })
    expect(await judgedBy('applied.example')).toEqual({ name: 'standard', version: 3 })
    expect((await newest('sandbox.proven')).policy).toEqual({ name: 'standard', version: 3 })
  })
})
