import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useEffect } from 'react'
import { messageOf } from '../../client/request.ts'
import { changeMe, meQuery } from '../../client/session.ts'
import { Doorway } from './Doorway.tsx'
import { SetupForm } from './SetupForm.tsx'

export const Setup = () => {
  const queries = useQueryClient()
  const navigate = useNavigate()
  const { data: me } = useQuery(meQuery)
  const save = useMutation({
    mutationFn: changeMe,
    onSuccess: (changed) => {
      queries.setQueryData(meQuery.queryKey, changed)
      void navigate({ to: '/' })
    },
  })
  useEffect(() => {
    document.title = 'Welcome · Backlot'
  }, [])
  return (
    <Doorway title="Welcome" intro="Your link works only once. Choose how to sign in from now on.">
      {me && (
        <SetupForm
          known={me.person}
          pending={save.isPending}
          problem={save.isError ? messageOf(save.error) : null}
          onSubmit={(account) => save.mutate(account)}
        />
      )}
    </Doorway>
  )
}
