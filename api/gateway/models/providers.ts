import { appendIn } from '../../audit/append.ts'
import { auditEvent } from '../../audit/event.ts'
import type { Actor } from '../../contract/audit.ts'
import type { PersonId } from '../../contract/ids.ts'
import {
  assignment as assignmentSchema,
  DEMO,
  type Provider,
  type ProviderSave,
  type ProviderTest,
  provider as providerSchema,
} from '../../contract/models.ts'
import { ApiError } from '../../errors.ts'
import type { Catalog } from '../../policy/models.ts'
import type { Store } from '../../store/connect.ts'
import { providerBaseUrl } from './provider/address.ts'
import { askForModels } from './provider/probe.ts'
import { seal, unseal } from './provider/seal.ts'

interface Known {
  catalog: Catalog
  sealed: ReadonlyMap<string, Buffer>
}
/** A key opens only for the provider and the origin that it was entered for. */
const bindingOf = (id: string, baseUrl: string) => `${id}\n${new URL(baseUrl).origin}`

/**
 * The gateway's providers: the only program that writes them and the only one that can open their keys. What calls need is
 * held in memory; `refresh` reads it anew (at start and when the database says that something changed).
 */
export function createProviders({ db, sealKey }: { db: Store; sealKey: Buffer }) {
  const state: { known: Known } = { known: { catalog: { providers: new Map(), assignments: [] }, sealed: new Map() } }

  async function refresh() {
    const [rows, assignments] = await Promise.all([
      db.selectFrom('providers').select(['id', 'kind', 'base_url', 'place', 'sealed_key']).execute(),
      db.selectFrom('model_assignments').select(['slot', 'provider_id as provider', 'model']).execute(),
    ])
    const sealed = new Map<string, Buffer>()
    const providers = new Map<string, Provider>()
    for (const row of rows) {
      if (row.sealed_key) sealed.set(row.id, row.sealed_key)
      const { id, kind, base_url: baseUrl, place } = row
      providers.set(id, providerSchema.parse({ id, kind, baseUrl, place, hasKey: row.sealed_key !== null }))
    }
    state.known = { catalog: { providers, assignments: assignments.map((row) => assignmentSchema.parse(row)) }, sealed }
  }

  function keyOf(id: string): string | null {
    const provider = state.known.catalog.providers.get(id)
    const sealed = state.known.sealed.get(id)
    return provider && sealed ? unseal(sealKey, bindingOf(id, provider.baseUrl), sealed) : null
  }

  return {
    refresh,
    keyOf,
    catalog: () => state.known.catalog,

    /** Stores a provider, and its key sealed. A stored key never follows to another origin: it has to be entered again. */
    async save(id: string, { kind, baseUrl: typed, place, key }: ProviderSave, person: PersonId | null) {
      if (id === DEMO.id)
        throw new ApiError('invalid_request', 'The name "demo" belongs to the built-in provider. Choose another.')
      const baseUrl = providerBaseUrl(typed)
      await db.transaction().execute(async (trx) => {
        const before = await trx
          .selectFrom('providers')
          .select(['base_url', 'sealed_key'])
          .where('id', '=', id)
          .forUpdate()
          .executeTakeFirst()
        if (key === undefined && before?.sealed_key && bindingOf(id, before.base_url) !== bindingOf(id, baseUrl))
          throw new ApiError('invalid_request', 'The address now points to another server: enter the key again.')
        const sealed =
          key === undefined
            ? (before?.sealed_key ?? null)
            : key === ''
              ? null
              : seal(sealKey, bindingOf(id, baseUrl), key)
        const values = { kind, base_url: baseUrl, place, sealed_key: sealed }
        await appendIn(
          trx,
          auditEvent('provider.saved', {
            ...by(person),
            detail: { provider: id, kind, baseUrl, keyChanged: key !== undefined },
          }),
        )
        await trx
          .insertInto('providers')
          .values({ id, ...values })
          .onConflict((conflict) => conflict.column('id').doUpdateSet({ ...values, updated_at: new Date() }))
          .execute()
      })
      await refresh()
    },

    /** Removes a provider and its key. One that is still assigned stays: calls would fail without anybody knowing why. */
    async remove(id: string, person: PersonId | null) {
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
      await refresh()
    },

    /** Asks a stored provider for its list of models: does the address answer, is the key good? */
    async test(id: string): Promise<ProviderTest> {
      await refresh()
      const provider = state.known.catalog.providers.get(id)
      if (!provider) throw new ApiError('not_found', 'There is no provider of that name.')
      const key = keyOf(id)
      if (provider.hasKey && key === null)
        return { ok: false, message: 'The stored key cannot be opened any more: enter it again.', models: [] }
      return askForModels(provider, key)
    },
  }
}
export type Providers = ReturnType<typeof createProviders>
export type ProviderAdmin = Pick<Providers, 'save' | 'remove' | 'test'>

/** The server vouches for the person: it alone may speak to the gateway's control socket. */
function by(person: PersonId | null): { actor: Actor; person: PersonId | null; decision: 'allow'; reason: 'admin' } {
  const actor: Actor = person ? { type: 'person', id: person } : { type: 'system', id: 'gateway' }
  return { actor, person, decision: 'allow', reason: 'admin' }
}
