/** The people's door while the disk has only its reserve left. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { diskReport } from '../../../api/contract/health.ts'
import { prototypeView } from '../../../api/contract/prototypes.ts'
import { someDisk } from '../../support/room.ts'
import { startServer, type TestServer } from '../../support/server/server.ts'
import { until } from '../../support/until.ts'

let server: TestServer
beforeEach(async () => {
  server = await startServer()
})
afterEach(() => server.close())

const fill = () => server.room.set(someDisk(1), true)

describe('with a full disk (A40)', () => {
  test('nothing new begins, and the answer says why and what to do', async () => {
    const pm = await server.personWith('pm')
    const body = { title: 'A page' }
    const made = await pm.ask('/api/v1/prototypes', { method: 'POST', body })
    const { sandbox } = prototypeView.parse(made.json)
    await fill()
    const refused = [
      await pm.ask('/api/v1/prototypes', { method: 'POST', body }),
      await pm.ask(`/api/v1/sandboxes/${sandbox.id}/start`, { method: 'POST' }),
      await pm.ask(`/api/v1/sandboxes/${sandbox.id}/exec`, { method: 'POST', body: { argv: ['true'] } }),
    ]
    for (const { status, json } of refused) {
      expect(status).toBe(507)
      expect(json).toMatchObject({ error: { code: 'no_room', message: expect.stringContaining('Delete prototypes') } })
    }
    await server.room.set(someDisk(), false)
    expect((await pm.ask('/api/v1/prototypes', { method: 'POST', body })).status).toBe(201)
  })

  test('who may not do it learns nothing about the disk', async () => {
    const [pm, other] = [await server.personWith('pm'), await server.personWith('pm')]
    const made = await pm.ask('/api/v1/prototypes', { method: 'POST', body: { title: 'A page' } })
    const { sandbox } = prototypeView.parse(made.json)
    await fill()
    expect((await other.ask(`/api/v1/sandboxes/${sandbox.id}/start`, { method: 'POST' })).status).toBe(404)
  })

  test('stops, kills, removing, signing in and reading the log go on', async () => {
    const [pm, security] = [await server.personWith('pm'), await server.personWith('security')]
    const made = await pm.ask('/api/v1/prototypes', { method: 'POST', body: { title: 'A page' } })
    const { id } = prototypeView.parse(made.json)
    await until('it is ready', async () => {
      const view = prototypeView.parse((await pm.ask(`/api/v1/prototypes/${id}`)).json)
      return view.sandbox.state === 'claimed' || null
    })
    await fill()
    const kill = { method: 'POST', body: { scope: 'everything' } }
    expect((await security.ask('/api/v1/kill', kill)).status).toBe(204)
    expect((await pm.ask(`/api/v1/prototypes/${id}`, { method: 'DELETE' })).status).toBe(204)
    expect((await security.ask('/api/v1/audit/events')).status).toBe(200)
    const wrong = { method: 'POST', body: { email: pm.email, password: 'not this one' } }
    expect((await server.ask('/api/v1/sessions', wrong)).status).toBe(401)
    expect((await server.events('kill.ordered')).length).toBe(1)
    expect((await server.events('session.refused')).length).toBe(1)
  })

  test('whoever watches over Backlot is told, and the log says when it began and when it was over', async () => {
    await fill()
    const reasons = [expect.stringContaining('The disk is nearly full')]
    expect(await server.ask('/readyz')).toMatchObject({ status: 503, json: { ready: false, reasons } })
    await server.room.set(someDisk(), false)
    expect(await server.ask('/readyz')).toMatchObject({ status: 200 })
    const [low] = await until('both are in the log', async () => {
      const [began, over] = [await server.events('disk.low'), await server.events('disk.recovered')]
      return began.length === 1 && over.length === 1 ? began : null
    })
    expect(low).toMatchObject({ decision: 'deny', reason: 'no-room', detail: { freeBytes: 1 } })
  })
})

test('Health says how much there is and what takes it, to admins and security alone', async () => {
  const [admin, pm] = [await server.personWith('admin'), await server.personWith('pm')]
  const report = diskReport.parse((await admin.ask('/api/v1/disk')).json)
  expect(report).toMatchObject({
    low: false,
    words: null,
    disks: [{ holds: ['database', 'recordings', 'workspaces'], promisedBytes: 0 }],
    takes: { recordings: 0, workspaces: 0 },
    recordings: { keptDays: 90 },
  })
  expect(report.takes.database).toBeGreaterThan(1_000_000)
  expect((await pm.ask('/api/v1/disk')).status).toBe(404)
})
