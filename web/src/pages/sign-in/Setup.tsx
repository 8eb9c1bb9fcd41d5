import { Button, PasswordInput, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { type FormEvent, useEffect, useState } from 'react'
import { email as emailSchema, password as passwordSchema } from '../../../../api/contract/people.ts'
import { messageOf } from '../../client/request.ts'
import { changeMe, meQuery } from '../../client/session.ts'
import { Problem } from '../../components/feedback/Problem.tsx'
import styles from './Doorway.module.css'
import { Doorway } from './Doorway.tsx'

/** The first admin is made without an address of their own. */
const ownEmail = (email: string): string => (/@localhost$|\.(invalid|localhost|local)$/.test(email) ? '' : email)

export const Setup = () => {
  const queries = useQueryClient()
  const navigate = useNavigate()
  const { data: me } = useQuery(meQuery)
  const known = me?.person
  const [name, setName] = useState(known && ownEmail(known.email) ? known.name : '')
  const [email, setEmail] = useState(known ? ownEmail(known.email) : '')
  const [password, setPassword] = useState('')
  const [tried, setTried] = useState(false)
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

  const address = emailSchema.safeParse(email.trim())
  const secret = passwordSchema.safeParse(password)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    setTried(true)
    if (name.trim() && address.success && secret.success) {
      save.mutate({ name: name.trim(), email: address.data, password: secret.data })
    }
  }
  return (
    <Doorway title="Welcome" intro="Your link worked, and it works only once. Choose how you sign in from now on.">
      <form className={styles.form} onSubmit={submit} noValidate>
        <Problem>{save.isError && messageOf(save.error)}</Problem>
        <TextInput
          label="Name"
          description="Others see it beside what you make."
          autoComplete="name"
          autoFocus
          size="md"
          value={name}
          error={tried && !name.trim() && 'Type your name.'}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <TextInput
          label="E-mail"
          type="email"
          autoComplete="username"
          size="md"
          value={email}
          error={tried && !address.success && 'Type your e-mail address.'}
          onChange={(event) => setEmail(event.currentTarget.value)}
        />
        <PasswordInput
          label="Password"
          description="At least 12 characters. A few words in a row are good."
          autoComplete="new-password"
          size="md"
          value={password}
          error={tried && !secret.success && (secret.error.issues[0]?.message ?? 'Use at least 12 characters.')}
          onChange={(event) => setPassword(event.currentTarget.value)}
        />
        <Button type="submit" size="md" loading={save.isPending}>
          Start
        </Button>
      </form>
    </Doorway>
  )
}
