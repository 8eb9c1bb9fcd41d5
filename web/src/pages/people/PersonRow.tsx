import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { ListedPerson } from '../../../../api/contract/people.ts'
import { changePerson, peopleQuery } from '../../client/people.ts'
import { Age } from '../../components/Age.tsx'
import { Confirm } from '../../components/feedback/Confirm.tsx'
import { Tag } from '../../components/Tag.tsx'
import { StopDialog } from '../../modules/stops/StopDialog.tsx'
import { stopPerson } from '../../modules/stops/stops.ts'
import { EditDialog } from './EditDialog.tsx'
import { LinkDialog } from './LinkDialog.tsx'
import styles from './People.module.css'
import { type Dialog, PersonMenu } from './PersonMenu.tsx'
import { roleWords } from './Roles.tsx'

interface Props {
  person: ListedPerson
  isMe: boolean
  /** There is a hold on all that they have. */
  isHeld: boolean
}

export const PersonRow = ({ person, isMe, isHeld }: Props) => {
  const queries = useQueryClient()
  const [dialog, setDialog] = useState<Dialog | null>(null)
  const close = () => setDialog(null)
  const change = useMutation({
    mutationFn: () => changePerson(person.id, { disabled: !person.disabled }),
    onSuccess: () => {
      close()
      void queries.invalidateQueries({ queryKey: peopleQuery.queryKey })
    },
  })
  return (
    <li>
      <div className={styles.who} data-disabled={person.disabled}>
        <p>
          {person.name}
          {isMe && ' (you)'}
        </p>
        <small>{person.email}</small>
      </div>
      <div className={styles.roles}>
        {isHeld && <Tag tone="bad">On hold</Tag>}
        {person.disabled && <Tag tone="bad">Disabled</Tag>}
        {person.invited && !isMe && !person.disabled && <Tag tone="marigold">Invited</Tag>}
        {person.roles.map((role) => (
          <Tag key={role}>{roleWords[role].title}</Tag>
        ))}
      </div>
      <span className={styles.since}>
        Added <Age at={person.createdAt} />
      </span>
      <PersonMenu person={person} isMe={isMe} onPick={setDialog} />
      <EditDialog person={dialog === 'edit' ? person : null} onClose={close} />
      <LinkDialog person={dialog === 'link' ? person : null} onClose={close} />
      <StopDialog asked={dialog === 'hold' ? stopPerson(person) : null} first="hold" onClose={close} />
      <Confirm
        opened={dialog === 'switch'}
        title={person.disabled ? `Enable ${person.name}?` : `Disable ${person.name}?`}
        action={person.disabled ? 'Enable person' : 'Disable person'}
        danger={!person.disabled}
        pending={change.isPending}
        error={change.error}
        onClose={close}
        onConfirm={() => change.mutate()}
      >
        <p>
          {person.disabled
            ? 'They can sign in again, with the same roles as before.'
            : 'They are signed out everywhere at once, and what they have open is closed. Nothing of theirs is deleted.'}
        </p>
      </Confirm>
    </li>
  )
}
