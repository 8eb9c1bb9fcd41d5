import { Button, Group, Modal } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import type { z } from 'zod'
import type { invited, Person } from '../../../../api/contract/people.ts'
import { linkForPerson } from '../../client/people.ts'
import { messageOf } from '../../client/request.ts'
import { OnceOnly } from '../../components/feedback/OnceOnly.tsx'
import { Problem } from '../../components/feedback/Problem.tsx'
import styles from './People.module.css'

const exact = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' })

export const LinkShown = ({ made, onClose }: { made: z.output<typeof invited>; onClose: () => void }) => (
  <div className={styles.form}>
    <p>
      Send this link to {made.person.name}. It works once, until {exact.format(new Date(made.expiresAt))}.
    </p>
    <OnceOnly label="Shown only once. Copy it now." value={made.link} />
    <Group justify="flex-end">
      <Button onClick={onClose}>Done</Button>
    </Group>
  </div>
)

export const LinkDialog = ({ person, onClose }: { person: Person | null; onClose: () => void }) => {
  const make = useMutation({ mutationFn: linkForPerson })
  const leave = () => {
    make.reset()
    onClose()
  }
  return (
    <Modal opened={person !== null} onClose={leave} title="New sign-in link" closeOnClickOutside={false}>
      {make.data ? (
        <LinkShown made={make.data} onClose={leave} />
      ) : (
        <div className={styles.form}>
          <Problem>{make.isError && messageOf(make.error)}</Problem>
          <p>
            For a person who forgot the password or lost the invite link. Whoever has the link can sign in as{' '}
            {person?.name}, once.
          </p>
          <Group justify="flex-end">
            <Button variant="default" onClick={leave}>
              Cancel
            </Button>
            <Button loading={make.isPending} onClick={() => person && make.mutate(person.id)}>
              Create sign-in link
            </Button>
          </Group>
        </div>
      )}
    </Modal>
  )
}
