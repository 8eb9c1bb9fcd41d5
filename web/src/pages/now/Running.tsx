import { ActionIcon, Button, Menu } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { IconHandStop, IconPlayerStop, IconUserOff } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { KillOrder } from '../../../../api/contract/gateway.ts'
import type { PrototypeView } from '../../../../api/contract/prototypes.ts'
import { stop } from '../../client/audit.ts'
import { runningQuery } from '../../client/prototypes.ts'
import { Confirm } from '../../components/feedback/Confirm.tsx'
import { Bones, Ready } from '../../components/feedback/Waiting.tsx'
import { stateWords } from '../../modules/sandbox/words.ts'
import styles from './Now.module.css'

interface Asked {
  order: KillOrder
  title: string
  action: string
  happens: string
}

const stopOne = ({ sandbox, title }: PrototypeView): Asked => ({
  order: { scope: 'sandbox', id: sandbox.id },
  title: `Stop “${title}”?`,
  action: 'Stop prototype',
  happens:
    'Its connections close within a second and everything running in it ends. Its files stay, and its owner can start it again.',
})
const stopPerson = ({ owner }: PrototypeView): Asked => ({
  order: { scope: 'person', id: owner.id },
  title: `Stop everything of ${owner.name}?`,
  action: `Stop ${owner.name}`,
  happens:
    'All prototypes of this person stop within a second. They can start them again until an admin disables their account.',
})
const stopAll: Asked = {
  order: { scope: 'everything' },
  title: 'Stop everything?',
  action: 'Stop everything',
  happens:
    'Every prototype of everybody stops within a second. People lose what runs; files stay, and they can start again.',
}

/** What could do something now, with a switch for each of it. */
export const Running = () => {
  const query = useQuery(runningQuery)
  const queries = useQueryClient()
  const [asked, setAsked] = useState<Asked | null>(null)
  const kill = useMutation({
    mutationFn: stop,
    onSuccess: () => {
      notifications.show({ message: 'Stopped. It stands in the log.' })
      setAsked(null)
      void queries.invalidateQueries({ queryKey: ['prototypes'] })
    },
  })
  return (
    <aside className={styles.running} aria-label="Running">
      <h2>Running</h2>
      <Ready query={query} bones={<Bones rows={3} />}>
        {(running) => {
          if (running.length === 0) return <p className={styles.quiet}>Nothing runs.</p>
          return (
            <>
              <ul>
                {running.map((item) => (
                  <li key={item.id}>
                    <div className={styles.thing}>
                      <p>{item.title}</p>
                      <small>
                        {item.owner.name}, {stateWords[item.sandbox.state].short.toLowerCase()}
                      </small>
                    </div>
                    <Menu>
                      <Menu.Target>
                        <ActionIcon variant="default" size="lg" aria-label={`Stop ${item.title} or its owner`}>
                          <IconHandStop size={17} />
                        </ActionIcon>
                      </Menu.Target>
                      <Menu.Dropdown>
                        <Menu.Item leftSection={<IconPlayerStop size={16} />} onClick={() => setAsked(stopOne(item))}>
                          Stop this prototype…
                        </Menu.Item>
                        <Menu.Item leftSection={<IconUserOff size={16} />} onClick={() => setAsked(stopPerson(item))}>
                          Stop everything of {item.owner.name}…
                        </Menu.Item>
                      </Menu.Dropdown>
                    </Menu>
                  </li>
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
    </aside>
  )
}
