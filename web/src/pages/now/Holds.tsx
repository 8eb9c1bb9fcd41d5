import { Button } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Hold } from '../../../../api/contract/holds.ts'
import { holdsQuery, releaseHold } from '../../client/stops.ts'
import { Age } from '../../components/Age.tsx'
import { Confirm } from '../../components/feedback/Confirm.tsx'
import { Bones, Ready } from '../../components/feedback/Waiting.tsx'
import styles from './Now.module.css'

const nameOf = ({ sandbox, person }: Hold): string => {
  if (sandbox) return `“${sandbox.title}”`
  return person ? `${person.name}'s prototypes` : 'Everything'
}

/** What nobody may start until somebody here lets it go. */
export const Holds = () => {
  const query = useQuery(holdsQuery)
  const queries = useQueryClient()
  const [asked, setAsked] = useState<Hold | null>(null)
  const release = useMutation({
    mutationFn: releaseHold,
    onSuccess: () => {
      notifications.show({ message: 'Released. Recorded in the log.' })
      setAsked(null)
      void queries.invalidateQueries({ queryKey: holdsQuery.queryKey })
    },
  })
  return (
    <section className={styles.running} aria-label="On hold">
      <h2>On hold</h2>
      <Ready query={query} bones={<Bones rows={1} />}>
        {({ items }) =>
          items.length === 0 ? (
            <p className={styles.quiet}>Nothing is on hold.</p>
          ) : (
            <ul>
              {items.map((item) => (
                <HoldItem key={item.id} hold={item} onRelease={() => setAsked(item)} />
              ))}
            </ul>
          )
        }
      </Ready>
      <Confirm
        opened={asked !== null}
        title={asked ? `Release ${nameOf(asked)}?` : ''}
        action="Release the hold"
        danger={false}
        pending={release.isPending}
        error={release.error}
        onClose={() => {
          release.reset()
          setAsked(null)
        }}
        onConfirm={() => asked && release.mutate(asked.id)}
      >
        <p>Nothing starts by itself: owners can start their prototypes again, unless another hold covers them.</p>
        <p>The reason was: {asked?.reason}</p>
      </Confirm>
    </section>
  )
}

const HoldItem = ({ hold, onRelease }: { hold: Hold; onRelease: () => void }) => (
  <li className={styles.hold}>
    <div className={styles.thing}>
      <p title={nameOf(hold)}>{nameOf(hold)}</p>
      <small>
        {hold.sandbox && `${hold.sandbox.owner}. `}By {hold.by.name}, <Age at={hold.placedAt} />
      </small>
      <small className={styles.why}>{hold.reason}</small>
    </div>
    <Button variant="default" size="xs" aria-label={`Release ${nameOf(hold)}`} onClick={onRelease}>
      Release…
    </Button>
  </li>
)
