import { Modal } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import type { ReactNode } from 'react'
import type { Me } from '../client/session.ts'
import { placesFor } from './navigation.ts'
import styles from './Shortcuts.module.css'
import { useShortcuts } from './use-shortcuts.ts'

/** The keys, and the list of them. */
export const Shortcuts = ({ me }: { me: Me }) => {
  const [opened, { open, close }] = useDisclosure()
  const places = placesFor(me.person.roles).flatMap((group) => group.places)
  useShortcuts(places, open)
  return (
    <Modal opened={opened} onClose={close} title="Keyboard shortcuts">
      <dl className={styles.keys}>
        {places.map((place) => (
          <Keys key={place.to} title={place.title}>
            <kbd>g</kbd> <kbd>{place.key}</kbd>
          </Keys>
        ))}
        <Keys title="Leave the terminal">
          <kbd>Ctrl</kbd> <kbd>Shift</kbd> <kbd>L</kbd>
        </Keys>
        <Keys title="Copy the selection, paste">
          <kbd>Ctrl</kbd> <kbd>C</kbd>, <kbd>Ctrl</kbd> <kbd>V</kbd>
        </Keys>
        <Keys title="Select text while the agent is running">
          <kbd>Shift</kbd> and drag
        </Keys>
        <Keys title="Show this list">
          <kbd>?</kbd>
        </Keys>
      </dl>
    </Modal>
  )
}

const Keys = ({ title, children }: { title: string; children: ReactNode }) => (
  <div>
    <dt>{title}</dt>
    <dd>{children}</dd>
  </div>
)
