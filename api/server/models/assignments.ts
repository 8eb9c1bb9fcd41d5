import type { Transaction } from 'kysely'
import type { z } from 'zod'
import { appendIn } from '../../audit/append.ts'
import { auditEvent } from '../../audit/event.ts'
import { type assignmentSave, DEMO, type modelSlot, modelsView, provider } from '../../contract/models.ts'
import { ApiError } from '../../errors.ts'
import type { Store } from '../../store/connect.ts'
import type { Database } from '../../store/tables.ts'
import type { AskedBy } from '../http/route.ts'

type Slot = z.output<typeof modelSlot>
type Assignment = z.output<typeof assignmentSave>

/** Providers, without their keys, and which of them answers for each slot. */
export async function readModels(db: Store) {
  const [providers, assignments] = await Promise.all([
    db
      .selectFrom('providers')
      .select(['id', 'kind', 'base_url as baseUrl', 'place', 'has_key as hasKey', 'unsafe_local'])
      .orderBy('id')
      .execute(),
    db.selectFrom('model_assignments').select(['slot', 'provider_id as provider', 'model']).orderBy('slot').execute(),
  ])
  const shown = providers.map(({ unsafe_local, ...row }) => (unsafe_local ? { ...row, unsafeLocal: true } : row))
  return modelsView.parse({ providers: shown, assignments, demoInUse: assignments.length === 0 })
}

export function assignModel(db: Store, slot: Slot, assignment: Assignment, asked: AskedBy): Promise<void> {
  const { provider: provider_id, model } = assignment
  return db.transaction().execute(async (trx) => {
    if (provider_id !== null && provider_id !== DEMO.id) await checkProvider(trx, slot, provider_id)
    const detail = { slot, provider: provider_id, model }
    await appendIn(trx, auditEvent('model.assigned', { ...asked, decision: 'allow', reason: 'by-admin', detail }))
    if (provider_id === null) await trx.deleteFrom('model_assignments').where('slot', '=', slot).execute()
    else
      await trx
        .insertInto('model_assignments')
        .values({ slot, provider_id, model })
        .onConflict((conflict) => conflict.column('slot').doUpdateSet({ provider_id, model }))
        .execute()
  })
}

async function checkProvider(trx: Transaction<Database>, slot: Slot, id: string): Promise<void> {
  const found = await trx.selectFrom('providers').select('place').where('id', '=', id).executeTakeFirst()
  if (!found) throw new ApiError('invalid_request', `There is no provider "${id}". Enter it first.`)
  if (slot === 'local' && provider.shape.place.parse(found.place) !== 'local')
    throw new ApiError(
      'invalid_request',
      'The local model must run on your own machines: choose a provider that is marked local.',
    )
}
