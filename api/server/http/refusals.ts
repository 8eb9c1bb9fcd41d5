import { type CountingDeps, createCountedRefusals } from '../../audit/counted.ts'
import { auditEvent } from '../../audit/event.ts'
import type { PrototypeId, SandboxId } from '../../contract/ids.ts'
import type { AskedBy } from './route.ts'

/** What was refused to whom: a request to a route, about a prototype or a sandbox where the route names one. */
export interface Refused extends AskedBy {
  method: string
  route: string
  prototype?: PrototypeId | null
  sandbox?: SandboxId | null
}

/** Records what keepAccess refuses. */
export const createRefusals = (deps: CountingDeps) => createCountedRefusals<Refused>({ ...deps, keyOf, eventOf })

function keyOf({ person, method, route, prototype = null, sandbox = null }: Refused): string {
  return JSON.stringify([person, method, route, prototype, sandbox])
}

function eventOf({ method, route, ...refused }: Refused, times: number) {
  const detail = { method, route, times }
  return auditEvent('request.refused', { ...refused, decision: 'deny', reason: 'not-permitted', detail })
}
