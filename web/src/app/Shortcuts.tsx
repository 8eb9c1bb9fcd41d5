import { Modal } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import type { Me } from '../client/session.ts'
import { placesFor } from './navigation.ts'
import styles from './Shortcuts.module.css'

const SEQUENCE_MS = 1200

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  target.closest('input, textarea, select, [contenteditable], [role="dialog"]') !== null

/** `g` and a letter goes to a page; `?` lists the keys. Nothing is taken from a field or a terminal. */
export const Shortcuts = ({ me }: { me: Me }) => {
  const navigate = useNavigate()
  const [opened, { open, close }] = useDisclosure()
  const wentAt = useRef(0)
  const places = placesFor(me.person.roles).flatMap((group) => group.places)

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return
      if (event.key === '?') return open()
      if (event.key === 'g') {
        wentAt.current = event.timeStamp
        return
      }
      const place = places.find(({ key }) => key === event.key)
      if (!place || event.timeStamp - wentAt.current > SEQUENCE_MS) return
      wentAt.current = 0
      event.preventDefault()
      navigate({ to: place.to })
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  })

  return (
    <Modal opened={opened} onClose={close} title="Keyboard">
      <dl className={styles.keys}>
        {places.map((place) => (
          <div key={place.to}>
            <dt>{place.title}</dt>
            <dd>
              <kbd>g</kbd> <kbd>{place.key}</kbd>
            </dd>
          </div>
        ))}
        <div>
          <dt>Leave the terminal</dt>
          <dd>
            <kbd>Ctrl</kbd> <kbd>Shift</kbd> <kbd>L</kbd>
          </dd>
        </div>
        <div>
          <dt>Copy what is selected, paste</dt>
          <dd>
            <kbd>Ctrl</kbd> <kbd>C</kbd>, <kbd>Ctrl</kbd> <kbd>V</kbd>
          </dd>
        </div>
        <div>
          <dt>Select while the agent runs</dt>
          <dd>
            <kbd>Shift</kbd> and the mouse
          </dd>
        </div>
        <div>
          <dt>This list</dt>
          <dd>
            <kbd>?</kbd>
          </dd>
        </div>
      </dl>
    </Modal>
  )
}
