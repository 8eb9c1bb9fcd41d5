import { useState } from 'react'
import styles from './KeyRow.module.css'

interface Props {
  onKeys: (text: string) => void
  /** True when the program in the terminal wants the other form of the arrow keys. */
  applicationCursor: () => boolean
  ctrl: boolean
  onCtrl: (held: boolean) => void
}

const keys = [
  { title: 'Esc', text: '\u001b' },
  { title: 'Tab', text: '\t' },
] as const
const arrows = [
  { title: '←', name: 'Left', letter: 'D' },
  { title: '↑', name: 'Up', letter: 'A' },
  { title: '↓', name: 'Down', letter: 'B' },
  { title: '→', name: 'Right', letter: 'C' },
] as const
const more = [
  { title: '^C', name: 'Control C, stop', text: '\u0003' },
  { title: '/', name: 'Slash', text: '/' },
  { title: '-', name: 'Dash', text: '-' },
  { title: '|', name: 'Pipe', text: '|' },
] as const

/** Keys that a phone's keyboard does not have. Ctrl holds for the next key. */
export const KeyRow = ({ onKeys, applicationCursor, ctrl, onCtrl }: Props) => {
  const [opened, setOpened] = useState(false)
  const keep = (event: { preventDefault: () => void }) => event.preventDefault()
  return (
    <div className={styles.row} role="toolbar" aria-label="Terminal keys" onPointerDown={keep}>
      {keys.map(({ title, text }) => (
        <button key={title} type="button" onClick={() => onKeys(text)}>
          {title}
        </button>
      ))}
      <button type="button" aria-pressed={ctrl} onClick={() => onCtrl(!ctrl)}>
        Ctrl
      </button>
      {opened
        ? more.map(({ title, name, text }) => (
            <button key={title} type="button" aria-label={name} onClick={() => onKeys(text)}>
              {title}
            </button>
          ))
        : arrows.map(({ title, name, letter }) => (
            <button
              key={title}
              type="button"
              aria-label={name}
              onClick={() => onKeys(`\u001b${applicationCursor() ? 'O' : '['}${letter}`)}
            >
              {title}
            </button>
          ))}
      <button type="button" aria-label="Other keys" aria-pressed={opened} onClick={() => setOpened(!opened)}>
        …
      </button>
    </div>
  )
}
