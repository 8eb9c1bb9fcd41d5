/** Events for the audit tests, and a wait for their places. */
import { auditEvent, type EventFields } from '../../../api/audit/event.ts'
import { newId } from '../../../api/ids.ts'
import type { Store } from '../../../api/store/connect.ts'
import { until } from '../../support/until.ts'

type Fields = EventFields<'egress.request'>

/** An allowed request of a sandbox; `detail` fields are laid over the default ones. */
export function sampleEvent({
  detail,
  ...fields
}: Partial<Omit<Fields, 'detail'>> & { detail?: Partial<Fields['detail']> } = {}) {
  return auditEvent('egress.request', {
    actor: { type: 'sandbox', id: newId('sb') },
    decision: 'allow',
    reason: 'rule',
    ...fields,
    detail: {
      method: 'GET',
      host: 'example.org',
      port: 443,
      path: '/',
      phase: 'work',
      address: '192.0.2.1',
      raw: null,
      ...detail,
    },
  })
}

/** Until `count` events have their place. */
export function placed(db: Store, count: number): Promise<true> {
  return until(`${count} events have a place`, async () => {
    const { n } = await db
      .selectFrom('audit_chain')
      .select(({ fn }) => fn.countAll<number>().as('n'))
      .executeTakeFirstOrThrow()
    return n === count ? true : null
  })
}
