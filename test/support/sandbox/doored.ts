import { join } from 'node:path'
import pino from 'pino'
import type { AuditEvent } from '../../../api/contract/audit.ts'
import type { PolicyInForce } from '../../../api/contract/policy.ts'
import type { SandboxSpec } from '../../../api/contract/programs/runner.ts'
import { createKeyedQueue } from '../../../api/flow/keyed-queue.ts'
import { openDoor } from '../../../api/gateway/door.ts'
import { createDemo } from '../../../api/gateway/models/demo/answer.ts'
import { someone, somePolicy } from '../models/door.ts'
import { roomy, roomyGauge } from '../room.ts'
import { porterSession } from './porter-session.ts'
import type { TestRunner } from './sandboxes.ts'

/** A real container behind a real door of the gateway, in the test's process. The log is a list, and no name resolves. */
export async function sandboxWithDoor(
  runner: TestRunner,
  wanted: Partial<SandboxSpec> = {},
  policy: PolicyInForce = somePolicy,
) {
  const events: AuditEvent[] = []
  const append = async (event: AuditEvent) => {
    events.push(event)
  }
  const spec = await runner.spec(wanted)
  const openAgain = () =>
    openDoor(spec.id, {
      directory: join(runner.socketsRoot, spec.id),
      recordings: join(runner.root, 'recordings', spec.id),
      porterUser: spec.users.porter,
      sandbox: { id: spec.id, current: () => ({ ...someone, sandbox: spec.id, policy }), owner: () => null },
      egress: {
        append,
        resolve: () => Promise.reject(new Error('There is no resolver here.')),
        dial: () => Promise.reject(new Error('Nothing is dialled here.')),
        own: () => new Set<string>(),
      },
      models: {
        append,
        providers: { catalog: () => ({ providers: new Map(), assignments: [] }), keyOf: () => null },
        demo: createDemo(),
      },
      compression: createKeyedQueue(),
      gauge: roomyGauge,
      shared: roomy,
      log: pino({ level: 'silent' }),
    })
  const state = { door: await openAgain() }
  await runner.verbs.create(spec)
  const connected = () =>
    new Promise<void>((resolve) => {
      const { porter } = state.door
      if (porter.connected()) resolve()
      else porter.onConnect(resolve)
    })
  await connected()

  return {
    id: spec.id,
    /** The socket through which its porter reaches the gateway's proxy. */
    egressSocket: join(runner.socketsRoot, spec.id, 'egress.sock'),
    events,
    porter: () => state.door.porter,
    /** Asked at the porter's own socket: the gateway, which does not ask for it, is away for that moment. */
    async health() {
      await state.door.close({ remove: false })
      const session = await porterSession(join(runner.socketsRoot, spec.id, 'porter.sock'))
      const health = await session.health()
      await session.close()
      state.door = await openAgain()
      await connected()
      return health
    },
    terminals: () => state.door.terminals,
    shell: (script: string, timeoutMs = 60_000) =>
      state.door.porter.exec({ argv: ['sh', '-c', script], cwd: '/workspace', timeoutMs }),
    /** What a restart of the gateway does to this sandbox. */
    async restartGateway() {
      await state.door.close({ remove: false })
      state.door = await openAgain()
      await connected()
    },
    close: () => state.door.close({ remove: false }),
  }
}
export type DooredSandbox = Awaited<ReturnType<typeof sandboxWithDoor>>
