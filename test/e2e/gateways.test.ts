/** Two gateways. One of them is stopped on purpose, as a hang would: the other's sandboxes do not notice, and it is replaced. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { auditList } from '../../api/contract/audit.ts'
import type { PrototypeView } from '../../api/contract/prototypes.ts'
import { connect } from '../../api/store/connect.ts'
import { type Platform, startPlatform } from '../support/server/platform.ts'
import { pidsOf } from '../support/server/processes.ts'
import { createSession, type Session } from '../support/server/session.ts'
import { openTerminal, type Terminal } from '../support/server/terminal.ts'
import { until } from '../support/until.ts'

const BACK_MS = 30_000
const HUNG = 1

describe('one gateway that hangs', () => {
  let platform: Platform
  let owner: Session
  /** By the instance that has its sandbox. */
  const prototypes: PrototypeView[] = []

  beforeAll(async () => {
    platform = await startPlatform({ env: { BACKLOT_GATEWAYS: '2' } })
    owner = await platform.signIn()
    for (const title of ['First', 'Second']) prototypes.push(await owner.createPrototype(title))
  })
  afterAll(async () => {
    for (const pid of gatewayOf(HUNG)) process.kill(pid, 'SIGCONT')
    await platform?.close()
  })

  const gatewayOf = (instance: number) =>
    pidsOf('/api/gateway/gateway.ts', `BACKLOT_HOME=${platform.home}`, `BACKLOT_GATEWAY=${instance}`)
  const sandboxOf = (instance: number) => prototypes[instance]?.sandbox.id ?? ''

  test('sandboxes are spread over both', async () => {
    const db = connect(readFileSync(join(platform.home, 'launcher', 'database-url'), 'utf8'), { max: 1 })
    const rows = await db.selectFrom('sandboxes').select(['id', 'gateway']).execute()
    await db.destroy()
    const by = new Map(rows.map(({ id, gateway }) => [id, gateway]))
    expect(prototypes.map(({ sandbox }) => by.get(sandbox.id))).toEqual([0, 1])
  })

  /** Types a character and waits for its echo, again and again; the times in ms. */
  async function echoes(terminal: Terminal, isOver: () => boolean): Promise<number[]> {
    const took: number[] = []
    while (!isOver()) {
      const from = terminal.output().length
      const began = performance.now()
      terminal.send('x')
      await terminal.until(/x/, BACK_MS, from)
      took.push(performance.now() - began)
      const typed = terminal.output().length
      terminal.send('\u0008')
      await terminal.until(/./, BACK_MS, typed)
    }
    return took
  }

  test('is replaced in seconds, its terminal goes on, and the other’s sandboxes never wait for it (G12)', async () => {
    const [mine, theirs] = [
      await openTerminal(owner, sandboxOf(0), 'main'),
      await openTerminal(owner, sandboxOf(HUNG), 'main'),
    ]
    theirs.send('export KEPT=still-$((6*7)); echo kept-$((6*7))\r')
    await theirs.until(/kept-42/)
    const [pid = 0] = gatewayOf(HUNG)
    expect(pid).toBeGreaterThan(0)
    const state = { replaced: false }
    const replaced = platform.untilSaid(/gateway\/1 did not answer for 2 s and was killed/, BACK_MS).then(() => {
      state.replaced = true
    })

    process.kill(pid, 'SIGSTOP')
    const outgoing = { answered: 0 }
    const others = async () => {
      while (!state.replaced) {
        // Its policy does not allow that host: the gateway has judged it, and said so.
        const { stdout } = await owner.shell(
          sandboxOf(0),
          'curl -s -o /dev/null -w "%{http_connect}" https://example.com',
        )
        expect(stdout).toBe('403')
        outgoing.answered += 1
      }
    }
    const [took] = await Promise.all([echoes(mine, () => state.replaced), others(), replaced])
    expect(took.length).toBeGreaterThan(5)
    expect(outgoing.answered).toBeGreaterThan(0)
    // Whoever waits for the one that hangs waits for two seconds.
    expect(Math.max(...took)).toBeLessThan(1_500)
    expect(gatewayOf(HUNG)).not.toContain(pid)

    await until('its sandbox answers', () => here(sandboxOf(HUNG)), BACK_MS)
    await until('its terminal goes on', () => goesOn(sandboxOf(HUNG)), BACK_MS)
    const from = mine.output().length
    mine.send('echo same-$((6*7))\r')
    await mine.until(/same-42/, BACK_MS, from)
    await mine.close()

    const events = () => owner.call('GET', '/audit/events?kind=platform.hung')
    const said = await until('it is in the log', async () => {
      const { items } = auditList.parse((await events()).body)
      return items.length > 0 ? items : null
    })
    expect(said).toMatchObject([
      { actor: { id: 'launcher' }, reason: 'no-heartbeat', detail: { program: 'gateway/1', silentMs: 2_000 } },
    ])
  })

  const here = (id: string) =>
    owner.exec(id, ['echo', 'here']).then(
      ({ stdout }) => (stdout === 'here\n' ? true : null),
      () => null,
    )

  async function goesOn(id: string): Promise<true | null> {
    try {
      const terminal = await openTerminal(owner, id, 'main', 0)
      terminal.send('echo "[$KEPT]"\r')
      const text = await terminal.until(/\[still-42\]/, 5_000)
      await terminal.close()
      return text.includes('kept-42') ? true : null
    } catch {
      return null
    }
  }

  test('with fewer gateways at the next start, every sandbox has one and goes on', async () => {
    await platform.stop()
    const again = await startPlatform({ home: platform.home, env: { BACKLOT_GATEWAYS: '1' } })
    try {
      owner = await createSession(again.url, { token: again.signInToken })
      for (const { sandbox } of prototypes)
        await until(`the sandbox ${sandbox.id} answers`, () => here(sandbox.id), BACK_MS)
      await until('its terminal goes on', () => goesOn(sandboxOf(HUNG)), BACK_MS)
    } finally {
      await again.stop()
    }
  })
})
