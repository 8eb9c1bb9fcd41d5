import type { PersonId } from '../../contract/ids.ts'
import {
  assignment as assignmentSchema,
  type Provider,
  type ProviderSave,
  type ProviderTest,
  provider as providerSchema,
} from '../../contract/models.ts'
import { ApiError } from '../../errors.ts'
import type { Catalog } from '../../policy/models.ts'
import type { Store } from '../../store/connect.ts'
import { bindingOf, removeProvider, saveProvider } from './provider/save.ts'
import { unseal } from './provider/seal.ts'
import { testProvider } from './provider/test.ts'

interface Known {
  catalog: Catalog
  sealed: ReadonlyMap<string, Buffer>
}

/**
 * The gateway's providers: the only program that writes them and the only one that can open their keys. What calls need is
 * held in memory; `refresh` reads it anew (at start and when the database says that something changed).
 */
export function createProviders({ db, sealKey }: { db: Store; sealKey: Buffer }) {
  const state: { known: Known } = { known: { catalog: { providers: new Map(), assignments: [] }, sealed: new Map() } }

  async function refresh() {
    state.known = await readProviders(db)
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

    async save(id: string, provider: ProviderSave, person: PersonId | null) {
      await saveProvider({ db, sealKey }, id, provider, person)
      await refresh()
    },

    async remove(id: string, person: PersonId | null) {
      await removeProvider(db, id, person)
      await refresh()
    },

    /** Asks a stored provider for its list of models: does the address answer, is the key good? */
    async test(id: string, person: PersonId | null): Promise<ProviderTest> {
      await refresh()
      const provider = state.known.catalog.providers.get(id)
      if (!provider) throw new ApiError('not_found', 'There is no provider of that name.')
      const key = keyOf(id)
      if (provider.hasKey && key === null)
        return { ok: false, message: 'The stored key cannot be opened any more: enter it again.', models: [] }
      return testProvider(db, provider, key, person)
    },
  }
}
export type Providers = ReturnType<typeof createProviders>
export type ProviderAdmin = Pick<Providers, 'save' | 'remove' | 'test'>

async function readProviders(db: Store): Promise<Known> {
  const [rows, assignments] = await Promise.all([
    db.selectFrom('providers').select(['id', 'kind', 'base_url', 'place', 'unsafe_local', 'sealed_key']).execute(),
    db.selectFrom('model_assignments').select(['slot', 'provider_id as provider', 'model']).execute(),
  ])
  const sealed = new Map<string, Buffer>()
  const providers = new Map<string, Provider>()
  for (const row of rows) {
    if (row.sealed_key) sealed.set(row.id, row.sealed_key)
    const { id, kind, base_url: baseUrl, place } = row
    const accepted = row.unsafe_local ? { unsafeLocal: true } : {}
    providers.set(id, providerSchema.parse({ id, kind, baseUrl, place, hasKey: row.sealed_key !== null, ...accepted }))
  }
  return { catalog: { providers, assignments: assignments.map((row) => assignmentSchema.parse(row)) }, sealed }
}
