import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useRef, useState } from 'react'
import { DEFAULT_POLICY, prototypeCreate } from '../../../../api/contract/prototypes.ts'
import { createPrototype, prototypeQuery, prototypesQuery } from '../../client/prototypes.ts'

const atFirst = { title: '', hypothesis: '', label: 'internal', policy: DEFAULT_POLICY }

/** What is typed into the form of a new prototype, and creating it; then its page opens. */
export const useCreate = (onCreated: () => void) => {
  const queries = useQueryClient()
  const navigate = useNavigate()
  const key = useRef(crypto.randomUUID())
  const [typed, setTyped] = useState(atFirst)
  const [problem, setProblem] = useState<string | null>(null)
  const create = useMutation({
    mutationFn: (body: Parameters<typeof createPrototype>[0]) => createPrototype(body, key.current),
    onSuccess: (made) => {
      queries.setQueryData(prototypeQuery(made.id).queryKey, made)
      void queries.invalidateQueries({ queryKey: prototypesQuery.queryKey })
      onCreated()
      void navigate({ to: '/prototypes/$id', params: { id: made.id } })
    },
    // Another try with other words is another request.
    onError: () => {
      key.current = crypto.randomUUID()
    },
  })
  return {
    typed,
    set: (change: Partial<typeof atFirst>) => setTyped({ ...typed, ...change }),
    /** What is wrong with the title. */
    problem,
    error: create.error,
    pending: create.isPending,
    submit() {
      const body = prototypeCreate.safeParse(typed)
      if (!body.success) return setProblem(body.error.issues[0]?.message ?? 'Check what you entered.')
      setProblem(null)
      create.mutate(body.data)
    },
  }
}
