import { Button, PasswordInput, TextInput } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import { email as emailSchema, type Person, password as passwordSchema } from '../../../../api/contract/people.ts'
import { Problem } from '../../components/feedback/Problem.tsx'
import styles from './Doorway.module.css'

/** The first admin is made without an address of their own. */
const ownEmail = (email: string): string => (/@localhost$|\.(invalid|localhost|local)$/.test(email) ? '' : email)

interface Props {
  known: Person
  pending: boolean
  problem: string | null
  onSubmit: (account: { name: string; email: string; password: string }) => void
}

export const SetupForm = ({ known, pending, problem, onSubmit }: Props) => {
  const [name, setName] = useState(ownEmail(known.email) ? known.name : '')
  const [email, setEmail] = useState(ownEmail(known.email))
  const [password, setPassword] = useState('')
  const [tried, setTried] = useState(false)
  const address = emailSchema.safeParse(email.trim())
  const secret = passwordSchema.safeParse(password)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    setTried(true)
    if (name.trim() && address.success && secret.success) {
      onSubmit({ name: name.trim(), email: address.data, password: secret.data })
    }
  }
  return (
    <form className={styles.form} onSubmit={submit} noValidate>
      <Problem>{problem}</Problem>
      <TextInput
        label="Name"
        description="Other people see it next to your prototypes."
        autoComplete="name"
        autoFocus
        size="md"
        value={name}
        error={tried && !name.trim() && 'Enter your name.'}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <TextInput
        label="E-mail"
        type="email"
        autoComplete="username"
        size="md"
        value={email}
        error={tried && !address.success && 'Enter your e-mail address.'}
        onChange={(event) => setEmail(event.currentTarget.value)}
      />
      <PasswordInput
        label="Password"
        description="At least 12 characters. Several words in a row work well."
        autoComplete="new-password"
        size="md"
        value={password}
        error={tried && !secret.success && (secret.error.issues[0]?.message ?? 'Use at least 12 characters.')}
        onChange={(event) => setPassword(event.currentTarget.value)}
      />
      <Button type="submit" size="md" loading={pending}>
        Start
      </Button>
    </form>
  )
}
