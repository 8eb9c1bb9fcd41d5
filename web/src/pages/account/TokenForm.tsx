import { Button, NativeSelect, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { messageOf } from '../../client/request.ts'
import { createToken, tokensQuery } from '../../client/session.ts'
import { OnceOnly } from '../../components/feedback/OnceOnly.tsx'
import { Problem } from '../../components/feedback/Problem.tsx'
import styles from './Account.module.css'

const spans = [
  { value: '7', label: 'a week' },
  { value: '30', label: '30 days' },
  { value: '90', label: '90 days' },
  { value: '365', label: 'a year' },
]

export const TokenForm = () => {
  const queries = useQueryClient()
  const [name, setName] = useState('')
  const [days, setDays] = useState('90')
  const create = useMutation({
    mutationFn: createToken,
    onSuccess: () => {
      setName('')
      void queries.invalidateQueries({ queryKey: tokensQuery.queryKey })
    },
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    create.mutate({ name: name.trim(), expiresInDays: Number(days) })
  }
  return (
    <>
      <form className={styles.inline} onSubmit={submit}>
        <TextInput
          label="What is it for?"
          placeholder="Nightly export"
          maxLength={100}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <NativeSelect
          label="Valid for"
          data={spans}
          value={days}
          onChange={(event) => setDays(event.currentTarget.value)}
        />
        <Button type="submit" variant="default" disabled={name.trim() === ''} loading={create.isPending}>
          Create token
        </Button>
      </form>
      <Problem>{create.error && messageOf(create.error)}</Problem>
      {create.data && <OnceOnly label="Your token. Shown only once. Copy it now." value={create.data.token} />}
    </>
  )
}
