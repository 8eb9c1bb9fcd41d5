import { Button } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { IconUserPlus } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { peopleQuery } from '../../client/people.ts'
import { meQuery } from '../../client/session.ts'
import { holdsQuery } from '../../client/stops.ts'
import { Ready } from '../../components/feedback/Waiting.tsx'
import { Page } from '../../components/Page.tsx'
import { Rows } from '../../components/Rows.tsx'
import { InviteDialog } from './InviteDialog.tsx'
import styles from './People.module.css'
import { PersonRow } from './PersonRow.tsx'

export const People = () => {
  const query = useQuery(peopleQuery)
  const { data: me } = useQuery(meQuery)
  const { data: holds } = useQuery(holdsQuery)
  const held = new Set(holds?.items.map(({ person }) => person?.id))
  const [inviting, { open, close }] = useDisclosure()
  return (
    <Page
      title="People"
      intro="Who can sign in, and what they can do."
      actions={
        <Button leftSection={<IconUserPlus size={18} />} onClick={open}>
          Invite
        </Button>
      }
    >
      <Ready query={query}>
        {({ items }) => (
          <>
            <Rows>
              {items.map((person) => (
                <PersonRow
                  key={person.id}
                  person={person}
                  isMe={person.id === me?.person.id}
                  isHeld={held.has(person.id)}
                />
              ))}
            </Rows>
            {items.length < 2 && (
              <p className={styles.alone}>Only you so far. Invite a product manager and someone from security.</p>
            )}
          </>
        )}
      </Ready>
      <InviteDialog opened={inviting} onClose={close} />
    </Page>
  )
}
