import { Button, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { messageOf } from '../../client/request.ts'
import { changeMe, meQuery } from '../../client/session.ts'
import { Problem } from '../../components/feedback/Problem.tsx'
import styles from './Account.module.css'

export const NameForm = ({ name }: { name: string }) => {
  const queries = useQueryClient()
  const [typed, setTyped] = useState(name)
  const save = useMutation({
    mutationFn: changeMe,
    onSuccess: (me) => queries.setQueryData(meQuery.queryKey, me),
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    save.mutate({ name: typed.trim() })
  }
  return (
    <form className={styles.form} onSubmit={submit}>
      <Problem>{save.isError && messageOf(save.error)}</Problem>
      <TextInput
        aria-label="Name"
        autoComplete="name"
        maxLength={100}
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
      />
      <Button
        type="submit"
        variant="default"
        disabled={typed.trim() === '' || typed.trim() === name}
        loading={save.isPending}
      >
        Save name
      </Button>
    </form>
  )
}
