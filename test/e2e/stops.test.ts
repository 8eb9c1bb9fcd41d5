/** With real containers: what a hold ends, and that nothing of before lives on in what is started after its release. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hold } from '../../api/contract/holds.ts'
import { type PrototypeView, prototypeView } from '../../api/contract/prototypes.ts'
import { type Platform, startPlatform } from '../support/server/platform.ts'
import type { Session } from '../support/server/session.ts'
import { openTerminal } from '../support/server/terminal.ts'
import { until } from '../support/until.ts'

const SANDBOXES = 3

let platform: Platform
let owner: Session
const all: PrototypeView[] = []
beforeAll(async () => {
  platform = await startPlatform()
  owner = await platform.signIn()
  for (let count = 0; count < SANDBOXES; count += 1) all.push(await owner.createPrototype(`Number ${count}`))
})
afterAll(() => platform?.close())

const look = async ({ id }: PrototypeView) => prototypeView.parse((await owner.call('GET', `/prototypes/${id}`)).body)
const start = ({ sandbox }: PrototypeView) => owner.call('POST', `/sandboxes/${sandbox.id}/start`)
const ready = (made: PrototypeView) =>
  until('it is ready', async () => ((await look(made)).sandbox.state === 'claimed' ? true : null), 120_000)

/** A program that leaves a mark each moment that it lives (added, since a file that is written anew is empty for an instant), and a command that does not end by itself. */
async function keepBusy({ sandbox }: PrototypeView) {
  const terminal = await openTerminal(owner, sandbox.id, 'main')
  terminal.send('while :; do date +%s%N >> /workspace/alive; echo b""eat; sleep 0.05; done\r')
  await terminal.until(/beat/)
  const command = owner.exec(sandbox.id, ['sleep', '300'], 300_000).then(
    () => 'ended',
    () => 'ended',
  )
  return { terminal, command }
}

describe('everything on hold', () => {
  test('U19, U20 ends terminals and commands at once, and is not started; released, it starts without what ran before', async () => {
    const busy = []
    for (const made of all) busy.push(await keepBusy(made))
    const startedAt = performance.now()
    const order = { scope: 'everything', hold: true, reason: 'A drill.' }
    const ordered = await owner.call('POST', '/kill', order)
    expect(ordered.status).toBe(201)
    await Promise.all(busy.map(({ command }) => command))
    // A bound for a busy machine: the second itself is held without containers, in the test of the gateway.
    expect(performance.now() - startedAt).toBeLessThan(10_000)
    for (const made of all) {
      expect(await start(made)).toMatchObject({ status: 423, body: { error: { code: 'held' } } })
      expect((await look(made)).sandbox).toMatchObject({ state: 'stopped', holds: [{ reason: 'A drill.' }] })
    }
    const { id } = hold.parse(ordered.body)
    expect((await owner.call('DELETE', `/holds/${id}`)).status).toBe(204)
    for (const made of all) {
      expect((await look(made)).sandbox.state).toBe('stopped')
      expect((await start(made)).status).toBe(204)
    }
    for (const made of all) {
      await ready(made)
      const seen = await owner.shell(made.sandbox.id, 'tail -n 1 /workspace/alive; sleep 1; tail -n 1 /workspace/alive')
      const [before, after] = seen.stdout.trim().split('\n')
      expect(before).toMatch(/^\d+$/)
      expect(after).toBe(before)
    }
  })

  test('U18 stops and starts of one at the same moment leave what its page says', async () => {
    const [made] = all
    if (!made) throw new Error('there is one')
    const { id } = made.sandbox
    for (let round = 0; round < 5; round += 1) {
      await Promise.all([owner.call('POST', '/kill', { scope: 'sandbox', id }), start(made), start(made)])
      const settled = await until(
        'it has come to rest',
        async () => {
          const { state } = (await look(made)).sandbox
          return ['claimed', 'stopped', 'failed'].includes(state) ? state : null
        },
        120_000,
      )
      if (settled === 'claimed') expect((await owner.exec(id, ['echo', 'here'])).stdout).toBe('here\n')
      else await start(made)
    }
  })
})
