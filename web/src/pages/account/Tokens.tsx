import { Button, NativeSelect, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { messageOf } from '../../client/request.ts'
import { createToken, revokeToken, tokensQuery } from '../../client/session.ts'
import { Age } from '../../components/Age.tsx'
import { OnceOnly } from '../../components/feedback/OnceOnly.tsx'
import { Problem } from '../../components/feedback/Problem.tsx'
import { Bones, Ready } from '../../components/feedback/Waiting.tsx'
import { Rows } from '../../components/Rows.tsx'
import styles from './Account.module.css'

const spans = [
  { value: '7', label: 'a week' },
  { value: '30', label: '30 days' },
  { value: '90', label: '90 days' },
  { value: '365', label: 'a year' },
]
const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium' })

export const Tokens = () => {
  const queries = useQueryClient()
  const query = useQuery(tokensQuery)
  const [name, setName] = useState('')
  const [days, setDays] = useState('90')
  const again = () => void queries.invalidateQueries({ queryKey: tokensQuery.queryKey })
  const create = useMutation({
    mutationFn: createToken,
    onSuccess: () => {
      setName('')
      again()
    },
  })
  const revoke = useMutation({ mutationFn: revokeToken, onSuccess: again })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    create.mutate({ name: name.trim(), expiresInDays: Number(days) })
  }
  const error = create.error ?? revoke.error
  return (
    <div className={styles.tokens}>
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
          Make token
        </Button>
      </form>
      <Problem>{error && messageOf(error)}</Problem>
      {create.data && <OnceOnly label="Your token. Shown only now." value={create.data.token} />}
      <Ready query={query} bones={<Bones rows={1} />}>
        {({ items }) =>
          items.length > 0 && (
            <Rows>
              {items.map((token) => (
                <li key={token.id}>
                  <span className={styles.token}>{token.name}</span>
                  <small>
                    {token.lastUsedAt ? (
                      <>
                        Used <Age at={token.lastUsedAt} />
                      </>
                    ) : (
                      'Never used'
                    )}
                    {token.expiresAt && `, until ${day.format(new Date(token.expiresAt))}`}
                  </small>
                  <Button
                    variant="subtle"
                    color="red"
                    size="sm"
                    aria-label={`Revoke ${token.name}`}
                    loading={revoke.isPending && revoke.variables === token.id}
                    onClick={() => revoke.mutate(token.id)}
                  >
                    Revoke
                  </Button>
                </li>
              ))}
            </Rows>
          )
        }
      </Ready>
    </div>
  )
}
