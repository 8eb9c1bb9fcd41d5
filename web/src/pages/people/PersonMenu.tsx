import { ActionIcon, Menu } from '@mantine/core'
import { IconDots, IconHandStop, IconLink, IconPencil, IconUserCheck, IconUserOff } from '@tabler/icons-react'
import type { ListedPerson } from '../../../../api/contract/people.ts'

export type Dialog = 'edit' | 'link' | 'hold' | 'switch'

interface Props {
  person: ListedPerson
  isMe: boolean
  onPick: (dialog: Dialog) => void
}

export const PersonMenu = ({ person, isMe, onPick }: Props) => (
  <Menu>
    <Menu.Target>
      <ActionIcon variant="subtle" color="gray" size="lg" aria-label={`More about ${person.name}`}>
        <IconDots size={18} />
      </ActionIcon>
    </Menu.Target>
    <Menu.Dropdown>
      <Menu.Item leftSection={<IconPencil size={16} />} onClick={() => onPick('edit')}>
        Name and roles…
      </Menu.Item>
      <Menu.Item leftSection={<IconLink size={16} />} disabled={person.disabled} onClick={() => onPick('link')}>
        New sign-in link…
      </Menu.Item>
      <Menu.Item
        disabled={isMe || person.disabled}
        leftSection={<IconHandStop size={16} />}
        onClick={() => onPick('hold')}
      >
        Stop or hold…
      </Menu.Item>
      <Menu.Item
        color={person.disabled ? 'marigold' : 'red'}
        disabled={isMe}
        leftSection={person.disabled ? <IconUserCheck size={16} /> : <IconUserOff size={16} />}
        onClick={() => onPick('switch')}
      >
        {person.disabled ? 'Enable…' : 'Disable…'}
      </Menu.Item>
    </Menu.Dropdown>
  </Menu>
)
