import { appendIn } from '../../../audit/append.ts'
import { auditEvent } from '../../../audit/event.ts'
import type { Actor } from '../../../contract/audit.ts'
import type { PersonId } from '../../../contract/ids.ts'
import { DEMO, type ProviderSave } from '../../../contract/models.ts'
import { ApiError } from '../../../errors.ts'
import type { Store } from '../../../store/connect.ts'
import { providerBaseUrl } from './address.ts'
import { isLocalAddress, literalIn } from './connect.ts'
import { seal } from './seal.ts'

/** A key opens only for the provider and the origin that it was entered for. */
export const bindingOf = (id: string, baseUrl: string) => `${id}\n${new URL(baseUrl).origin}`

/** Stores a provider, and its key sealed. A stored key never follows to another origin: it has to be entered again. */
export async function saveProvider(
  { db, sealKey }: { db: Store; sealKey: Buffer },
  id: string,
  { kind, baseUrl: typed, place, unsafeLocal = false, key }: ProviderSave,
  person: PersonId | null,
): Promise<void> {
  if (id === DEMO.id)
    throw new ApiError('invalid_request', 'The name "demo" belongs to the built-in provider. Choose another.')
  const baseUrl = providerBaseUrl(typed)
  checkPlace(baseUrl, { place, unsafeLocal })
  const binding = bindingOf(id, baseUrl)
  await db.transaction().execute(async (trx) => {
    const before = await trx
      .selectFrom('providers')
      .select(['base_url', 'sealed_key'])
      .where('id', '=', id)
      .forUpdate()
      .executeTakeFirst()
    if (key === undefined && before?.sealed_key && bindingOf(id, before.base_url) !== binding)
      throw new ApiError('invalid_request', 'The address now points to another server: enter the key again.')
    const kept = before?.sealed_key ?? null
    const sealed = key === undefined ? kept : key === '' ? null : seal(sealKey, binding, key)
    const values = { kind, base_url: baseUrl, place, unsafe_local: unsafeLocal, sealed_key: sealed }
    const unsafe = unsafeLocal ? ['unsafeLocal'] : []
    const detail = { provider: id, kind, baseUrl, place, keyChanged: key !== undefined, unsafe }
    await appendIn(trx, auditEvent('provider.saved', { ...by(person), detail }))
    await trx
      .insertInto('providers')
      .values({ id, ...values })
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ ...values, updated_at: new Date() }))
      .execute()
  })
}

/** Names are judged when they are dialled: what they mean may change. */
function checkPlace(baseUrl: string, { place, unsafeLocal }: { place: 'cloud' | 'local'; unsafeLocal: boolean }): void {
  if (unsafeLocal && place !== 'local')
    throw new ApiError('invalid_request', 'unsafeLocal: says nothing of a provider in the cloud. Leave it out.')
  const literal = literalIn(new URL(baseUrl).hostname)
  if (literal === null || place !== 'local' || unsafeLocal || isLocalAddress(literal)) return
  throw new ApiError(
    'invalid_request',
    `${literal} is not an address of a private network, so this is no provider on your own machines. Choose "In the cloud", or accept a public address (unsafeLocal).`,
  )
}

/** Removes a provider and its key. One that is still assigned stays: calls would fail without anybody knowing why. */
export async function removeProvider(db: Store, id: string, person: PersonId | null): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const used = await trx
      .selectFrom('model_assignments')
      .select('slot')
      .where('provider_id', '=', id)
      .executeTakeFirst()
    if (used)
      throw new ApiError(
        'conflict',
        `This provider answers for the ${used.slot} model. Assign another one first, then remove it.`,
      )
    await appendIn(trx, auditEvent('provider.removed', { ...by(person), detail: { provider: id } }))
    await trx.deleteFrom('providers').where('id', '=', id).execute()
  })
}

/** The server vouches for the person: it alone may speak to the gateway's control socket. */
export function by(person: PersonId | null): {
  actor: Actor
  person: PersonId | null
  decision: 'allow'
  reason: 'admin'
} {
  const actor: Actor = person ? { type: 'person', id: person } : { type: 'system', id: 'gateway' }
  return { actor, person, decision: 'allow', reason: 'admin' }
}
