import { AuditUnavailable, appendIn } from '../../../audit/append.ts'
import { auditEvent } from '../../../audit/event.ts'
import type { AuditEvent } from '../../../contract/audit.ts'
import type { PersonId } from '../../../contract/ids.ts'
import type { Provider, ProviderTest } from '../../../contract/models.ts'
import type { Store } from '../../../store/connect.ts'
import { askForModels } from './probe.ts'
import { by } from './save.ts'

/**
 * Has a provider asked for its models on behalf of `person`. The request carries the key, so it is recorded before it leaves,
 * and what came of it before that is told (law 2). After a crash between the two the first event stands alone.
 */
export async function testProvider(
  db: Store,
  provider: Provider,
  key: string | null,
  person: PersonId | null,
): Promise<ProviderTest> {
  const asked = { provider: provider.id, baseUrl: provider.baseUrl }
  const intent = auditEvent('provider.tested', { ...by(person), detail: asked })
  await record(db, intent)
  const found = await askForModels(provider, key)
  const end = auditEvent('provider.answered', {
    ...by(person),
    decision: 'info',
    reason: found.ok ? 'completed' : 'upstream-error',
    correlation: intent.id,
    detail: { ...asked, outcome: found.message },
  })
  await record(db, end)
  return found
}

async function record(db: Store, event: AuditEvent): Promise<void> {
  await db
    .transaction()
    .execute((trx) => appendIn(trx, event))
    .catch((error: unknown) => {
      throw new AuditUnavailable(error)
    })
}
