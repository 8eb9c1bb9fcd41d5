import { existsSync } from 'node:fs'
import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { newId } from '../../../../api/ids.ts'
import { until } from '../../../support/until.ts'
import { controlCases } from './cases.ts'
import { type RealGateway, startRealGateway } from './world.ts'

describe('as the peer', () => {
  controlCases(async () => {
    const world = await startRealGateway()
    return { ...world, connect: (id) => world.tunnel(id) }
  })
})

/** What the peer cannot do: it has no database and no sockets of sandboxes. */
describe('the real one', () => {
  let world: RealGateway
  beforeEach(async () => {
    world = await startRealGateway()
  })
  afterEach(() => world.close())

  const isOpen = async (id: Awaited<ReturnType<RealGateway['sandbox']>>) => (await world.client.doorStatus(id)).open

  async function claimed() {
    const id = await world.sandbox()
    await world.claim(id)
    return id
  }

  describe('a change in the database is seen', () => {
    test('publishing a policy closes a tunnel that it denies within a second, and no other', async () => {
      await world.publish('example.org', 'example.com')
      const id = await claimed()
      const [denied, allowed] = [await world.tunnel(id, 'example.org'), await world.tunnel(id, 'example.com')]
      await world.publish('example.com')
      await until('it is closed', async () => ((await denied.isOpen()) ? null : true), 1000)
      expect(await allowed.isOpen()).toBe(true)
      expect(await world.tryTunnel(id, 'example.org')).toBeNull()
      expect(await world.tryTunnel(id, 'example.com')).not.toBeNull()
    })

    test('a sandbox that is to have a door gets one without being asked for', async () => {
      const id = await world.sandbox()
      expect(await isOpen(id)).toBe(false)
      await world.move(id, 'starting')
      await until('it is open', async () => ((await isOpen(id)) ? true : null))
    })

    test.each(['paused', 'stopped', 'failed', 'lost', 'removed'] as const)(
      'a sandbox that is %s reaches nothing any more, at once',
      async (next) => {
        const [id, other] = [await claimed(), await claimed()]
        const [tunnel, others] = [await world.tunnel(id), await world.tunnel(other)]
        await world.move(id, next)
        await until('it is closed', async () => ((await tunnel.isOpen()) ? null : true), 1000)
        expect(await world.tryTunnel(id, 'example.org')).toBeNull()
        expect(await others.isOpen()).toBe(true)
      },
    )

    test('another runtime has another porter, which alone may dial the door from then on', async () => {
      const id = await claimed()
      const owners = async () => {
        const names = ['egress.sock', 'model.sock', 'porter.sock']
        return new Set(
          await Promise.all(names.map(async (name) => (await stat(join(world.directoryOf(id), name))).uid)),
        )
      }
      expect(await owners()).not.toEqual(new Set([0]))
      await world.database.db.updateTable('sandboxes').set({ runtime: 'runsc' }).where('id', '=', id).execute()
      await world.client.openDoor(id)
      expect(await owners()).toEqual(new Set([0]))
    })

    test('a sandbox that nobody knows gets no door, since nobody may dial it', async () => {
      const id = newId('sb')
      await expect(world.client.openDoor(id)).rejects.toMatchObject({ code: 'not_found' })
      expect(existsSync(join(world.paths.sandboxes, id))).toBe(false)
    })
  })

  test('a kill finds the sandbox of a person who got it a moment ago', async () => {
    const person = await world.person()
    const id = await world.sandbox(person)
    await world.claim(id)
    const tunnel = await world.tunnel(id)
    await world.client.kill({ scope: 'person', id: person })
    await until('it is closed', async () => ((await tunnel.isOpen()) ? null : true), 1000)
  })

  describe('a restart', () => {
    test('doors that ought to be open are open again, and no others', async () => {
      const [running, stopped] = [await claimed(), await world.sandbox()]
      await world.client.openDoor(stopped)
      await world.restart(() => world.move(stopped, 'stopped'))
      await until('it is open', async () => ((await isOpen(running)) ? true : null))
      expect(await (await world.tunnel(running)).isOpen()).toBe(true)
      expect(await isOpen(stopped)).toBe(false)
    })

    test('a porter finds its door again, and its terminals go on', async () => {
      const id = await claimed()
      await world.porter(id)
      await world.client.openTerminal(id, { name: 'main', cols: 80, rows: 24 })
      await world.restart()
      await until('it is connected', async () =>
        (await world.client.doorStatus(id)).porter === 'connected' ? true : null,
      )
      expect(await world.client.terminals(id)).toMatchObject({ items: [{ name: 'main', running: true }] })
    })

    test('directories of sandboxes that are gone are swept, and others kept', async () => {
      const [kept, removed, stopped, unknown] = [
        await claimed(),
        await claimed(),
        await world.sandbox(undefined, 'stopped'),
        newId('sb'),
      ]
      const strange = join(world.paths.sandboxes, 'notes')
      await world.restart(async () => {
        for (const id of [stopped, unknown]) await mkdir(world.directoryOf(id), { recursive: true })
        await mkdir(strange)
        await world.move(removed, 'removed')
      })
      const left = () => [kept, stopped, removed, unknown].map((id) => existsSync(world.directoryOf(id)))
      await until('it was swept', () => (String(left()) === 'true,true,false,false' ? true : null))
      expect(existsSync(strange)).toBe(true)
      await until('it is open', async () => ((await isOpen(kept)) ? true : null))
    })

    test('its own end closes tunnels and keeps the directories', async () => {
      const id = await claimed()
      const tunnel = await world.tunnel(id)
      await world.restart(async () => {
        expect(await tunnel.isOpen()).toBe(false)
        expect(existsSync(world.directoryOf(id))).toBe(true)
      })
    })
  })

  test('its own end waits for no terminal that somebody looks into', async () => {
    const id = await claimed()
    await world.porter(id)
    await world.client.openTerminal(id, { name: 'main', cols: 80, rows: 24 })
    const { bytes } = await world.client.streamTerminal(id, 'main', null)
    bytes.on('error', () => {})
    const startedAt = performance.now()
    await world.restart()
    expect(performance.now() - startedAt).toBeLessThan(4000)
  })

  test('a command whose caller has left is killed (G42)', async () => {
    const id = await claimed()
    await world.porter(id)
    const mark = `32${process.pid}`
    const ask = (argv: string[], signal?: AbortSignal) =>
      world.client.exec(id, { argv, cwd: '/', timeoutMs: 60_000 }, signal)
    const running = async () => (await ask(['pgrep', '-fx', `sleep ${mark}`])).exitCode === 0
    const caller = new AbortController()
    const call = ask(['sleep', mark], caller.signal)
    await until('it runs', async () => ((await running()) ? true : null))
    caller.abort()
    await expect(call).rejects.toMatchObject({ code: 'gateway_unavailable' })
    await until('it is gone', async () => ((await running()) ? null : true))
  })

  test('closing a door closes what is open through it, and takes its directory away', async () => {
    const id = await claimed()
    const tunnel = await world.tunnel(id)
    await world.client.closeDoor(id)
    expect(await tunnel.isOpen()).toBe(false)
    expect(existsSync(world.directoryOf(id))).toBe(false)
  })

  test('while the log cannot be written no terminal is opened and nothing leaves, and it says so', async () => {
    const id = await claimed()
    await world.tunnel(id)
    await world.porter(id)
    await sql`REVOKE INSERT ON audit_events FROM backlot_gateway`.execute(world.database.db)
    await expect(world.client.openTerminal(id, { name: 'main', cols: 80, rows: 24 })).rejects.toMatchObject({
      code: 'audit_unavailable',
    })
    expect(await world.tryTunnel(id, 'example.org')).toBeNull()
    expect(await world.client.terminals(id)).toEqual({ items: [] })
  })
})
