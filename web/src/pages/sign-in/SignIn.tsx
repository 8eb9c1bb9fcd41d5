import { Button, PasswordInput, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { type FormEvent, useEffect, useRef, useState } from 'react'
import { email as emailSchema } from '../../../../api/contract/people.ts'
import { messageOf } from '../../client/request.ts'
import { meQuery, startSession } from '../../client/session.ts'
import { Problem } from '../../components/feedback/Problem.tsx'
import styles from './Doorway.module.css'
import { Doorway } from './Doorway.tsx'

/** The token of a link stands in the fragment, which no server and no log sees; it is taken out of the address at once. */
const takeToken = (): string | null => {
  const token = new URLSearchParams(window.location.hash.slice(1)).get('token')
  if (token) window.history.replaceState(window.history.state, '', window.location.pathname + window.location.search)
  return token
}

/** Where to go after: only inside this site. */
const nextOf = (search: string): string => {
  const next = new URLSearchParams(search).get('next')?.replace(/^"|"$/g, '') ?? '/'
  return /^\/(?![/\\])/.test(next) ? next : '/'
}

export const SignIn = () => {
  const queries = useQueryClient()
  const navigate = useNavigate()
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const [problem, setProblem] = useState<string | null>(null)
  const asked = useRef(false)

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
  const start = enter.mutate
  useEffect(() => {
    document.title = 'Sign in · Backlot'
    const fromLink = () => {
      const token = takeToken()
      if (token) start({ token })
    }
    if (!asked.current) fromLink()
    asked.current = true
    // A link that is opened in a tab that shows this page already changes nothing but the fragment.
    window.addEventListener('hashchange', fromLink)
    return () => window.removeEventListener('hashchange', fromLink)
  }, [start])

  const submit = (event: FormEvent) => {
    event.preventDefault()
    const address = emailSchema.safeParse(email.trim())
    if (!address.success) return setProblem('Type your e-mail address, such as ana@example.com.')
    if (password === '') return setProblem('Type your password.')
    setProblem(null)
    enter.mutate({ email: address.data, password })
  }

  const returning = nextOf(window.location.search) !== '/'
  const message = problem ?? (enter.isError ? messageOf(enter.error) : null)
  const byLink = enter.isPending && enter.variables !== undefined && 'token' in enter.variables
  if (byLink) return <Doorway title="Signing you in…">{null}</Doorway>
  return (
    <Doorway title="Sign in" {...(returning ? { intro: 'Then you go on where you were.' } : {})}>
      <form className={styles.form} onSubmit={submit} noValidate>
        <Problem>{message}</Problem>
        <TextInput
          label="E-mail"
          type="email"
          autoComplete="username"
          autoFocus
          size="md"
          value={email}
          onChange={(event) => setEmail(event.currentTarget.value)}
        />
        <PasswordInput
          label="Password"
          autoComplete="current-password"
          size="md"
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
        />
        <Button type="submit" size="md" loading={enter.isPending}>
          Sign in
        </Button>
      </form>
      <p className={styles.help}>No account, or no password any more? Ask your admin for a sign-in link.</p>
    </Doorway>
  )
}
