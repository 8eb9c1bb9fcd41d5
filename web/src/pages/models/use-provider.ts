import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { slug } from '../../../../api/contract/ids.ts'
import { type Provider, providerSave } from '../../../../api/contract/models.ts'
import { modelsQuery, saveProvider } from '../../client/models.ts'

const firstOf = (provider: Provider | null) => ({
  id: provider?.id ?? '',
  kind: provider?.kind === 'anthropic' ? 'anthropic' : 'openai',
  baseUrl: provider?.baseUrl ?? '',
  place: provider?.place ?? 'cloud',
  unsafeLocal: provider?.unsafeLocal ?? false,
  key: '',
})
type Typed = Record<'id' | 'kind' | 'baseUrl' | 'place' | 'key', string> & { unsafeLocal: boolean }

/** What is typed into the form of a provider, and saving it. Null: a new one. */
export const useProvider = (provider: Provider | null, onSaved: () => void) => {
  const queries = useQueryClient()
  const [typed, setTyped] = useState<Typed>(firstOf(provider))
  const [tried, setTried] = useState(false)
  const save = useMutation({
    mutationFn: (body: Parameters<typeof saveProvider>[1]) => saveProvider(typed.id, body),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: modelsQuery.queryKey })
      onSaved()
    },
  })
  const { id, kind, place, key } = typed
  const accepted = place === 'local' && typed.unsafeLocal ? { unsafeLocal: true } : {}
  const baseUrl = typed.baseUrl.trim().replace(/\/(?:v1)?\/?$/, '')
  const body = providerSave.safeParse({ kind, baseUrl, place, ...accepted, ...(key === '' ? {} : { key }) })
  const isNamed = slug.safeParse(id).success
  return {
    typed,
    set: (change: Partial<Typed>) => setTyped({ ...typed, ...change }),
    error: save.error,
    pending: save.isPending,
    isWrong: {
      id: tried && !isNamed,
      baseUrl: tried && !body.success && body.error.issues.some(({ path }) => path[0] === 'baseUrl'),
    },
    submit() {
      setTried(true)
      if (isNamed && body.success) save.mutate(body.data)
    },
  }
}
