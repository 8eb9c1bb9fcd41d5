import { alive, type GatewayState, gatewayStates, readiness } from '../../contract/health.ts'
import { type DoctorReport, doctorReport } from '../../contract/programs/runner.ts'
import type { LagWatch } from '../audit/lag.ts'
import type { App } from './route.ts'

/** How long one part may take to say that it is well. */
const PATIENCE_MS = 2_000

/** A part of the platform; `check` rejects, or answers with the reason, when it cannot do its work. */
export interface Part {
  name: string
  check: () => Promise<string | null>
}

interface HealthDeps {
  parts: readonly Part[]
  doctor: () => Promise<DoctorReport>
  gateways: () => Promise<GatewayState[]>
  lag: Pick<LagWatch, 'current'>
}

/** Whether this server is alive, whether the platform can work, and what this host can enforce. */
export function healthRoutes(app: App, { parts, doctor, gateways, lag }: HealthDeps): void {
  // Whoever watches over Backlot, and a flood of these, must not keep people out.
  const config = { access: 'public', limit: 'none' } as const

  app.get('/healthz', { config, schema: { tags: ['health'], response: { 200: alive } } }, async () => ({
    ok: true as const,
  }))

  app.get(
    '/readyz',
    { config, schema: { tags: ['health'], response: { 200: readiness, 503: readiness } } },
    async (_request, reply) => {
      const reasons = (await Promise.all(parts.map(reasonOf))).filter((reason) => reason !== null)
      const ready = reasons.length === 0
      return reply.code(ready ? 200 : 503).send({ ready, reasons, log: lag.current() })
    },
  )

  app.get(
    '/api/v1/doctor',
    { config: { access: ['admin', 'security'] }, schema: { tags: ['health'], response: { 200: doctorReport } } },
    () => doctor(),
  )

  app.get(
    '/api/v1/gateways',
    { config: { access: ['admin', 'security'] }, schema: { tags: ['health'], response: { 200: gatewayStates } } },
    async () => ({ items: await gateways() }),
  )
}

/** Says only that a part does not answer: the error itself may name hosts and users, and this route is public. */
async function reasonOf({ name, check }: Part): Promise<string | null> {
  const silent = `The ${name} does not answer.`
  const patience = new Promise<string>((resolve) => setTimeout(resolve, PATIENCE_MS, silent).unref())
  return Promise.race([check().catch(() => silent), patience])
}
