import { Button, PasswordInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { password } from '../../../../api/contract/people.ts'
import { messageOf } from '../../client/request.ts'
import { changeMe, tokensQuery } from '../../client/session.ts'
import { Problem } from '../../components/feedback/Problem.tsx'
import styles from './Account.module.css'

export const PasswordForm = () => {
  const queries = useQueryClient()
  const [now, setNow] = useState('')
  const [next, setNext] = useState('')
  const [tried, setTried] = useState(false)
  const save = useMutation({
    mutationFn: changeMe,
    onSuccess: () => {
      setNow('')
      setNext('')
      setTried(false)
      void queries.invalidateQueries({ queryKey: tokensQuery.queryKey })
    },
  })
  const wanted = password.safeParse(next)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    setTried(true)
    if (now !== '' && wanted.success) save.mutate({ currentPassword: now, password: wanted.data })
  }
  return (
    <form className={styles.form} onSubmit={submit} noValidate>
      <Problem>{save.isError && messageOf(save.error)}</Problem>
      <PasswordInput
        label="Current password"
        autoComplete="current-password"
        value={now}
        error={tried && now === '' && 'Enter your current password.'}
        onChange={(event) => setNow(event.currentTarget.value)}
      />
      <PasswordInput
        label="New password"
        autoComplete="new-password"
        value={next}
        error={tried && !wanted.success && 'Use at least 12 characters.'}
        onChange={(event) => setNext(event.currentTarget.value)}
      />
      <Button type="submit" variant="default" loading={save.isPending}>
        Change password
      </Button>
      {save.isSuccess && (
        <p className={styles.saved} role="status">
          Password changed. Your API tokens no longer work.
        </p>
      )}
    </form>
  )
}
