import { Button } from '@mantine/core'
import { IconHandStop } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { runningQuery } from '../../client/prototypes.ts'
import { Bones, Ready } from '../../components/feedback/Waiting.tsx'
import { StopDialog } from '../../modules/stops/StopDialog.tsx'
import { type Stop, stopAll } from '../../modules/stops/stops.ts'
import { Holds } from './Holds.tsx'
import styles from './Now.module.css'
import { RunningItem } from './RunningItem.tsx'

/** Everything that is running now, each with a way to stop it, and what is on hold, with the way to release it. */
export const Running = () => {
  const query = useQuery(runningQuery)
  const [asked, setAsked] = useState<Stop | null>(null)
  return (
    <div className={styles.aside}>
      <section className={styles.running} aria-label="Running">
        <h2>Running</h2>
        <Ready query={query} bones={<Bones rows={3} />}>
          {(running) => (
            <>
              {running.length === 0 && <p className={styles.quiet}>Nothing is running.</p>}
              {running.length > 0 && (
                <ul>
                  {running.map((item) => (
                    <RunningItem key={item.id} item={item} onAsk={setAsked} />
                  ))}
                </ul>
              )}
            </>
          )}
        </Ready>
        <Button
          color="red"
          variant="outline"
          leftSection={<IconHandStop size={16} />}
          onClick={() => setAsked(stopAll)}
        >
          Stop everything…
        </Button>
      </section>
      <Holds />
      <StopDialog asked={asked} onClose={() => setAsked(null)} />
    </div>
  )
}
