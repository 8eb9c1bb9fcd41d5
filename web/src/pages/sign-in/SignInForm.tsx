import { Button, PasswordInput, TextInput } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import { email as emailSchema } from '../../../../api/contract/people.ts'
import { Problem } from '../../components/feedback/Problem.tsx'
import styles from './Doorway.module.css'

interface Props {
  pending: boolean
  /** Why the last try did not work. */
  problem: string | null
  onSubmit: (words: { email: string; password: string }) => void
}

export const SignInForm = ({ pending, problem, onSubmit }: Props) => {
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const [missing, setMissing] = useState<string | null>(null)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    const address = emailSchema.safeParse(email.trim())
    if (!address.success) return setMissing('Enter your e-mail address, such as ana@example.com.')
    if (password === '') return setMissing('Enter your password.')
    setMissing(null)
    onSubmit({ email: address.data, password })
  }
  return (
    <form className={styles.form} onSubmit={submit} noValidate>
      <Problem>{missing ?? problem}</Problem>
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
      <Button type="submit" size="md" loading={pending}>
        Sign in
      </Button>
    </form>
  )
}
