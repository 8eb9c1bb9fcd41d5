/** When a sandbox's terminals can be looked into. The gateway is a peer that notes what it is asked. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import WebSocket from 'ws'
import { z } from 'zod'
import { serverFrame, ticket } from '../../../api/contract/terminal.ts'
import { startServer } from '../../support/server/server.ts'
import { until } from '../../support/until.ts'

let server: Awaited<ReturnType<typeof startServer>>
beforeAll(async () => {
  server = await startServer()
})
afterAll(() => server.close())

const made = z.object({ id: z.string(), sandbox: z.object({ id: z.string(), state: z.string() }) })

async function prototypeOf(person: Awaited<ReturnType<typeof server.personWith>>) {
  const first = made.parse((await person.ask('/api/v1/prototypes', { method: 'POST', body: { title: 'x' } })).json)
  return until('it is claimed', async () => {
    const view = made.parse((await person.ask(`/api/v1/prototypes/${first.id}`)).json)
    return view.sandbox.state === 'claimed' ? view : null
  })
}

/** The first frame that says how attaching went. */
async function attach(person: Awaited<ReturnType<typeof server.personWith>>, sandbox: string) {
  const path = `/api/v1/sandboxes/${sandbox}/terminals/main`
  const asked = await person.ask(`${path}/ticket`, { method: 'POST' })
  const { ticket: once } = ticket.parse(asked.json)
  const { origin } = server
  const socket = new WebSocket(`${origin.replace('http', 'ws')}${path}?ticket=${once}`, {
    headers: { cookie: person.cookie, origin },
  })
  try {
    return await new Promise<z.infer<typeof serverFrame>>((resolve, reject) => {
      socket.on('message', (data) => resolve(serverFrame.parse(JSON.parse(String(data)))))
      socket.on('error', reject)
      socket.on('close', () => reject(new Error('closed without a word')))
    })
  } finally {
    socket.terminate()
  }
}

test.each(['building', 'starting', 'proving', 'stopped', 'paused', 'failed', 'lost'])(
  'a sandbox that is %s has no terminal for anybody, and the gateway is not even asked',
  async (state) => {
    const person = await server.personWith('pm')
    const { sandbox } = await prototypeOf(person)
    await server.db.updateTable('sandboxes').set({ state }).where('id', '=', sandbox.id).execute()
    const before = server.peers.calls.length
    expect(await attach(person, sandbox.id)).toMatchObject({
      type: 'error',
      message: `The sandbox is ${state}. Wait until it is ready, or start it.`,
    })
    expect(server.peers.calls.slice(before).filter(({ path }) => path.includes('/terminals'))).toEqual([])
  },
)

test('a command in the address of a terminal is refused, and reaches no gateway (U06)', async () => {
  const person = await server.personWith('pm')
  const { sandbox } = await prototypeOf(person)
  const path = `/api/v1/sandboxes/${sandbox.id}/terminals/main`
  const { ticket: once } = ticket.parse((await person.ask(`${path}/ticket`, { method: 'POST' })).json)
  const before = server.peers.calls.length
  const socket = new WebSocket(`${server.origin.replace('http', 'ws')}${path}?ticket=${once}&cmd=touch%20it`, {
    headers: { cookie: person.cookie, origin: server.origin },
  })
  const status = await new Promise((resolve) => {
    socket.on('unexpected-response', (_request, response) => resolve(response.statusCode))
    socket.on('open', () => resolve('open'))
    socket.on('error', () => undefined)
  })
  socket.terminate()
  expect(status).toBe(400)
  expect(server.peers.calls.slice(before).filter(({ path: asked }) => asked.includes('/terminals'))).toEqual([])
})
