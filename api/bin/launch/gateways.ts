import { join } from 'node:path'
import type { Child, Children } from './children/children.ts'

const entry = join(import.meta.dirname, '..', '..', 'gateway', 'gateway.ts')

/**
 * All instances of the gateway, each a process of its own: one that hangs or dies is started again, and the others do not
 * notice.
 */
export function openGateways(children: Children, gateways: number, environment: NodeJS.ProcessEnv): Child[] {
  return Array.from({ length: gateways }, (_, instance) =>
    children.open(
      `gateway/${instance}`,
      entry,
      (silentMs) => ({
        ...environment,
        BACKLOT_GATEWAY: String(instance),
        BACKLOT_SILENT_MS: String(silentMs),
        // The system's name look-ups block a thread each: one sandbox's slow names must not take all of libuv's four.
        UV_THREADPOOL_SIZE: '32',
      }),
      { heartbeat: true },
    ),
  )
}
