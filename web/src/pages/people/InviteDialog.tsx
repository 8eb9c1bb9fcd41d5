import { Button, Group, Modal, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { invite, type Role } from '../../../../api/contract/people.ts'
import { invitePerson, peopleQuery } from '../../client/people.ts'
import { messageOf } from '../../client/request.ts'
import { Problem } from '../../components/feedback/Problem.tsx'
import { LinkShown } from './LinkDialog.tsx'
import styles from './People.module.css'
import { Roles } from './Roles.tsx'

export const InviteDialog = ({ opened, onClose }: { opened: boolean; onClose: () => void }) => (
  <Modal opened={opened} onClose={onClose} title="Invite a person" closeOnClickOutside={false}>
    <InviteForm onClose={onClose} />
  </Modal>
)

const InviteForm = ({ onClose }: { onClose: () => void }) => {
  const queries = useQueryClient()
  const [name, setName] = useState('')
  const [email, setEmail] = useState('')
  const [roles, setRoles] = useState<Role[]>(['pm'])
  const [tried, setTried] = useState(false)
  const send = useMutation({
    mutationFn: invitePerson,
    onSuccess: () => void queries.invalidateQueries({ queryKey: peopleQuery.queryKey }),
  })
  const body = invite.safeParse({ name, email: email.trim(), roles })
  const wrong = (field: string) => tried && !body.success && body.error.issues.some((issue) => issue.path[0] === field)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    setTried(true)
    if (body.success) send.mutate(body.data)
  }
  if (send.data) return <LinkShown made={send.data} onClose={onClose} />
  return (
    <form className={styles.form} onSubmit={submit} noValidate>
      <Problem>{send.isError && messageOf(send.error)}</Problem>
      <TextInput
        label="Name"
        data-autofocus
        maxLength={100}
        value={name}
        error={wrong('name') && 'Enter a name.'}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <TextInput
        label="E-mail"
        type="email"
        value={email}
        error={wrong('email') && 'Enter an e-mail address.'}
        onChange={(event) => setEmail(event.currentTarget.value)}
      />
      <Roles value={roles} onChange={setRoles} error={wrong('roles') && 'Choose at least one role.'} />
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}>
          Cancel
        </Button>
        <Button type="submit" loading={send.isPending}>
          Create invite link
        </Button>
      </Group>
    </form>
  )
}
