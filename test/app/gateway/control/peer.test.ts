import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PersonId, SandboxId } from '../../../../api/contract/ids.ts'
import type { ProbeResult } from '../../../../api/contract/prototypes.ts'
import { newId } from '../../../../api/ids.ts'
import { createGatewayClient } from '../../../../api/server/nodes/gateway.ts'
import { startGatewayPeer } from '../../../support/sandbox/gateway-peer.ts'
import { type ControlUnderTest, controlCases } from './cases.ts'

controlCases(startPeer)

async function startPeer(): Promise<ControlUnderTest> {
  const folder = await mkdtemp(join(tmpdir(), 'bl-'))
  const socketPath = join(folder, 'gateway.sock')
  const owners = new Map<SandboxId, PersonId>()
  const porters = new Map<SandboxId, ProbeResult[] | undefined>()
  const peer = await startGatewayPeer({
    hasPorter: (id) => porters.has(id),
    ownerOf: (id) => owners.get(id) ?? null,
    probesOf: (id) => porters.get(id),
    wish: () => undefined,
    socketPath,
  })
  const client = createGatewayClient(socketPath)
  return {
    client,
    socketPath,
    person: async () => newId('pe'),
    async sandbox(person = newId('pe')) {
      const id = newId('sb')
      owners.set(id, person)
      return id
    },
    async claim(id) {
      await client.openDoor(id)
    },
    async porter(id, probes) {
      porters.set(id, probes)
      return { close: () => void porters.delete(id) }
    },
    async connect(id) {
      const connection = peer.connect(id)
      return { isOpen: async () => connection.isOpen }
    },
    async close() {
      client.close()
      await peer.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
