/** The main job, over HTTP and WebSocket, on the platform as people start it: everything that a PM does and security sees. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type AuditView, auditList } from '../../api/contract/audit.ts'
import type { PrototypeView } from '../../api/contract/prototypes.ts'
import { type Platform, startPlatform } from '../support/server/platform.ts'
import type { Session } from '../support/server/session.ts'
import { openTerminal } from '../support/server/terminal.ts'
import { until } from '../support/until.ts'

const FEED_MS = 1_000

describe('the main job', () => {
  let platform: Platform
  let owner: Session
  let prototype: PrototypeView
  const shell = (script: string, timeoutMs?: number) => owner.shell(prototype.sandbox.id, script, timeoutMs)

  beforeAll(async () => {
    platform = await startPlatform()
    owner = await platform.signIn()
    prototype = await owner.createPrototype('A page about tides')
  })
  afterAll(() => platform?.close())

  /** The newest event that fits, within a second of the asking. */
  const event = (what: string, fits: (event: AuditView) => boolean) =>
    until(
      `security sees ${what}`,
      async () => {
        const answer = await owner.call('GET', '/audit/events?limit=100')
        return auditList.parse(answer.body).items.find(fits) ?? null
      },
      FEED_MS,
    )

  test('the sandbox has proven its walls before it is handed out', () => {
    expect(prototype.sandbox.proof?.ok).toBe(true)
  })

  test('packages can be installed and used', async () => {
    const installed = await shell('npm init -y && npm install is-number', 120_000)
    expect(installed, installed.stderr).toMatchObject({ exitCode: 0 })
    expect((await shell(`node -e 'console.log(require("is-number")(7))'`)).stdout).toBe('true\n')
    const seen = await event('the registry', ({ kind, decision }) => kind === 'egress.request' && decision === 'allow')
    expect(seen).toMatchObject({ sandbox: prototype.sandbox.id, rule: expect.stringContaining('npm-read') })
  })

  test('git, python3 and rg are there', async () => {
    const answer = await shell('git --version && python3 --version && rg --version')
    expect(answer).toMatchObject({ exitCode: 0 })
  })

  test('a host that is not allowed is refused, with words that say what to do', async () => {
    const answer = await shell('curl https://example.com 2>&1')
    expect(answer.stdout).toMatch(/403/)
    expect(answer.stdout).toMatch(/https:\/\/example\.com was not reached.*ask your Backlot admin/)
    const seen = await event(
      'the refusal',
      ({ kind, decision, detail }) => kind === 'egress.request' && decision === 'deny' && detail.host === 'example.com',
    )
    expect(seen).toMatchObject({ reason: 'no-rule', sandbox: prototype.sandbox.id })
  })

  test.each([
    ['through the proxy', 'curl -sS https://1.1.1.1 2>&1', /403[\s\S]*ask your Backlot admin/],
    ['around it', `curl -sS --noproxy '*' --max-time 5 http://1.1.1.1 2>&1`, /connect[\s\S]*ask your Backlot admin/i],
    [
      'that serves metadata',
      `curl -sS -w '%{http_code} %header{x-backlot-reason}' http://169.254.169.254/latest/meta-data/ 2>&1`,
      /Refused by Backlot[\s\S]*403 host-ip-literal$/,
    ],
  ])('a raw address is refused %s', async (_way, script, words) => {
    const answer = await shell(script)
    expect(answer.stdout).toMatch(words)
    expect(answer.stdout).not.toMatch(/ami-id|<html/i)
  })

  test('there is no network card', async () => {
    const { stdout } = await shell('cat /proc/net/dev')
    const cards = stdout.split('\n').flatMap((line) => /^\s*([^:\s]+):/.exec(line)?.[1] ?? [])
    expect(cards).toEqual(['lo'])
  })

  test('opencode completes a small building task, and its model calls are recorded', async () => {
    const run = await shell('cd /workspace && opencode run "build a page about tides" 2>&1', 170_000)
    expect(run, run.stdout).toMatchObject({ exitCode: 0 })
    const pages = await shell(`find /workspace -maxdepth 2 -name '*.html' -not -path '*/node_modules/*'`)
    expect(pages.stdout).toMatch(/\.html/)
    const call = await event('the model call', ({ kind }) => kind === 'model.call')
    expect(call.sandbox).toBe(prototype.sandbox.id)
    expect(call.detail).toMatchObject({ outcome: 'completed' })
  })

  test('no real key is anywhere in the sandbox', async () => {
    const { stdout } = await shell('env | grep -i key')
    const values = stdout.split('\n').flatMap((line) => line.split('=')[1] ?? [])
    expect(new Set(values)).toEqual(new Set(['backlot-placeholder']))
  })

  test('a terminal opens, keeps its screen, and gives it back', async () => {
    const first = await openTerminal(owner, prototype.sandbox.id, 'main')
    first.send('echo tide-$((40+2))\r')
    await first.until(/tide-42/)
    await first.close()
    const again = await openTerminal(owner, prototype.sandbox.id, 'main', 0)
    await again.until(/tide-42/)
    await again.close()
  })

  test('the log says who, what, why and by which rule', async () => {
    const read = async (query: string) =>
      auditList.parse((await owner.call('GET', `/audit/events?limit=200&${query}`)).body).items
    const egress = await read('kind=egress.request')
    expect(egress.length).toBeGreaterThan(1)
    for (const item of egress) {
      expect(item.person).not.toBeNull()
      expect(item.names.prototype).toBe('A page about tides')
      expect(item.policy?.name).toBe('standard')
    }
    // What the proof tried is no person's doing; what a person did is no proof.
    const phases = egress.map(({ detail }) => `${detail.host} ${detail.phase}`)
    expect(phases).toContain('denied.backlot-probe.invalid proof')
    expect(phases).toContain('example.com work')
    expect(phases.filter((said) => /backlot-probe.* work|example\.com proof/.test(said))).toEqual([])
    const attached = await event('who looked into the terminal', ({ kind }) => kind === 'terminal.attached')
    expect(attached.names.prototype).toBe('A page about tides')
    const places = (await read('')).map(({ seq }) => seq)
    expect(places).toEqual(places.toSorted((a, b) => b - a))
  })
})
