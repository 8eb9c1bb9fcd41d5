import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useEffect } from 'react'
import { messageOf } from '../../client/request.ts'
import { meQuery, startSession } from '../../client/session.ts'
import styles from './Doorway.module.css'
import { Doorway } from './Doorway.tsx'
import { SignInForm } from './SignInForm.tsx'
import { useLink } from './use-link.ts'

/** Where to go after: only inside this site. */
const nextOf = (search: string): string => {
  const next = new URLSearchParams(search).get('next')?.replace(/^"|"$/g, '') ?? '/'
  return /^\/(?![/\\])/.test(next) ? next : '/'
}

export const SignIn = () => {
  const queries = useQueryClient()
  const navigate = useNavigate()
  const enter = useMutation({
    mutationFn: async (body: Parameters<typeof startSession>[0]) => {
      await startSession(body)
      return queries.fetchQuery({ ...meQuery, staleTime: 0 })
    },
    onSuccess: (me) => {
      if (me?.setupNeeded) void navigate({ to: '/welcome' })
      else void navigate({ href: nextOf(window.location.search) })
    },
  })
  useLink(enter.mutate)
  useEffect(() => {
    document.title = 'Sign in · Backlot'
  }, [])

  const returning = nextOf(window.location.search) !== '/'
  const byLink = enter.isPending && enter.variables !== undefined && 'token' in enter.variables
  if (byLink) return <Doorway title="Signing you in…">{null}</Doorway>
  return (
    <Doorway title="Sign in" {...(returning ? { intro: 'Then you continue where you were.' } : {})}>
      <SignInForm
        pending={enter.isPending}
        problem={enter.isError ? messageOf(enter.error) : null}
        onSubmit={(words) => enter.mutate(words)}
      />
      <p className={styles.help}>No account, or forgot your password? Ask your admin for a sign-in link.</p>
    </Doorway>
  )
}
