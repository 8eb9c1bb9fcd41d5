import { Button } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { IconHandStop } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { stop } from '../../client/audit.ts'
import { runningQuery } from '../../client/prototypes.ts'
import { Confirm } from '../../components/feedback/Confirm.tsx'
import { Bones, Ready } from '../../components/feedback/Waiting.tsx'
import styles from './Now.module.css'
import { RunningItem } from './RunningItem.tsx'
import { type Stop, stopAll } from './stops.ts'

/** Everything that is running now, each with a way to stop it. */
export const Running = () => {
  const query = useQuery(runningQuery)
  const queries = useQueryClient()
  const [asked, setAsked] = useState<Stop | null>(null)
  const kill = useMutation({
    mutationFn: stop,
    onSuccess: () => {
      notifications.show({ message: 'Stopped. Recorded in the log.' })
      setAsked(null)
      void queries.invalidateQueries({ queryKey: ['prototypes'] })
    },
  })
  return (
    <section className={styles.running} aria-label="Running">
      <h2>Running</h2>
      <Ready query={query} bones={<Bones rows={3} />}>
        {(running) => {
          if (running.length === 0) return <p className={styles.quiet}>Nothing is running.</p>
          return (
            <>
              <ul>
                {running.map((item) => (
                  <RunningItem key={item.id} item={item} onAsk={setAsked} />
                ))}
              </ul>
              <Button
                color="red"
                variant="outline"
                leftSection={<IconHandStop size={16} />}
                onClick={() => setAsked(stopAll)}
              >
                Stop everything…
              </Button>
            </>
          )
        }}
      </Ready>
      <Confirm
        opened={asked !== null}
        title={asked?.title ?? ''}
        action={asked?.action ?? ''}
        pending={kill.isPending}
        error={kill.error}
        onClose={() => {
          kill.reset()
          setAsked(null)
        }}
        onConfirm={() => asked && kill.mutate(asked.order)}
      >
        <p>{asked?.happens}</p>
      </Confirm>
    </section>
  )
}
