import { ActionIcon, Menu } from '@mantine/core'
import { IconHandStop, IconPlayerStop, IconUserOff } from '@tabler/icons-react'
import type { PrototypeView } from '../../../../api/contract/prototypes.ts'
import { stateWords } from '../../modules/sandbox/words.ts'
import { type Stop, stopOne, stopPerson } from '../../modules/stops/stops.ts'
import styles from './Now.module.css'

export const RunningItem = ({ item, onAsk }: { item: PrototypeView; onAsk: (stop: Stop) => void }) => (
  <li>
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
        <Menu.Item leftSection={<IconPlayerStop size={16} />} onClick={() => onAsk(stopOne(item))}>
          Stop this prototype…
        </Menu.Item>
        <Menu.Item leftSection={<IconUserOff size={16} />} onClick={() => onAsk(stopPerson(item.owner))}>
          Stop all of {item.owner.name}'s prototypes…
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  </li>
)
