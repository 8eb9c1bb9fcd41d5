import { Button, Group, Modal, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import type { Person } from '../../../../api/contract/people.ts'
import { changePerson, peopleQuery } from '../../client/people.ts'
import { messageOf } from '../../client/request.ts'
import { meQuery } from '../../client/session.ts'
import { Problem } from '../../components/feedback/Problem.tsx'
import styles from './People.module.css'
import { Roles } from './Roles.tsx'

export const EditDialog = ({ person, onClose }: { person: Person | null; onClose: () => void }) => (
  <Modal opened={person !== null} onClose={onClose} title="Name and roles">
    {person && <EditForm person={person} onClose={onClose} />}
  </Modal>
)

const EditForm = ({ person, onClose }: { person: Person; onClose: () => void }) => {
  const queries = useQueryClient()
  const [name, setName] = useState(person.name)
  const [roles, setRoles] = useState(person.roles)
  const { data: me } = useQuery(meQuery)
  const leaving = person.id === me?.person.id && person.roles.includes('admin') && !roles.includes('admin')
  const save = useMutation({
    mutationFn: () => changePerson(person.id, { name: name.trim(), roles }),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: peopleQuery.queryKey })
      void queries.invalidateQueries({ queryKey: meQuery.queryKey })
      onClose()
    },
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (name.trim() && roles.length > 0) save.mutate()
  }
  return (
    <form className={styles.form} onSubmit={submit} noValidate>
      <Problem>{save.isError && messageOf(save.error)}</Problem>
      <TextInput
        label="Name"
        data-autofocus
        maxLength={100}
        value={name}
        error={!name.trim() && 'Enter a name.'}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <Roles value={roles} onChange={setRoles} error={roles.length === 0 && 'Choose at least one role.'} />
      {leaving && <p role="status">You will no longer be an admin. Only another admin can give you the role back.</p>}
      {person.roles.includes('pm') && !roles.includes('pm') && (
        <p role="status">This stops every workspace of {person.name}. The files are kept.</p>
      )}
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}>
          Cancel
        </Button>
        <Button type="submit" loading={save.isPending}>
          Save
        </Button>
      </Group>
    </form>
  )
}
