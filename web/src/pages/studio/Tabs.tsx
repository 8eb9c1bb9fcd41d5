import { IconAccessible, IconPlus, IconX } from '@tabler/icons-react'
import type { KeyboardEvent, Ref } from 'react'
import styles from './Terminals.module.css'

interface Props {
  names: string[]
  current: string
  /** What the program in it calls itself. */
  titles: Record<string, string>
  readAloud: boolean
  onReadAloud: (on: boolean) => void
  onPick: (name: string) => void
  onAdd: () => void
  onClose: (name: string) => void
  ref: Ref<HTMLDivElement>
}

const MOST = 8
const titleOf = (name: string) => name.replace('-', ' ').replace(/^./, (first) => first.toUpperCase())

export const Tabs = ({ names, current, titles, readAloud, onReadAloud, onPick, onAdd, onClose, ref }: Props) => {
  const onKey = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0
    const next = names.at((names.indexOf(current) + step) % names.length)
    if (step !== 0 && next) onPick(next)
  }
  return (
    <div className={styles.tabs} ref={ref}>
      <div className={styles.list}>
        {/* A list of tabs holds tabs only: the buttons that close one stand beside it. */}
        <span role="tablist" aria-label="Terminals" aria-owns={names.map((name) => `tab-${name}`).join(' ')} />
        {names.map((name, index) => (
          <Tab
            key={name}
            name={name}
            title={titles[name] || undefined}
            selected={name === current}
            onKey={onKey}
            onPick={() => onPick(name)}
            onClose={index > 0 ? () => onClose(name) : null}
          />
        ))}
      </div>
      <button
        type="button"
        className={styles.tool}
        aria-label="New terminal"
        title="New terminal"
        disabled={names.length >= MOST}
        onClick={onAdd}
      >
        <IconPlus size={16} />
      </button>
      <span className={styles.rest} />
      <button
        type="button"
        className={styles.tool}
        aria-label="Screen reader support in the terminal"
        title="Screen reader support"
        aria-pressed={readAloud}
        onClick={() => onReadAloud(!readAloud)}
      >
        <IconAccessible size={17} />
      </button>
    </div>
  )
}

interface TabProps {
  name: string
  title: string | undefined
  selected: boolean
  onKey: (event: KeyboardEvent) => void
  onPick: () => void
  /** Null: it stays. */
  onClose: (() => void) | null
}

const Tab = ({ name, title, selected, onKey, onPick, onClose }: TabProps) => (
  <div className={styles.tab} data-current={selected}>
    <button
      type="button"
      role="tab"
      id={`tab-${name}`}
      aria-controls="terminal-panel"
      aria-selected={selected}
      tabIndex={selected ? 0 : -1}
      title={title}
      className={styles.name}
      onKeyDown={onKey}
      onClick={onPick}
    >
      {titleOf(name)}
    </button>
    {onClose && (
      <button
        type="button"
        className={styles.close}
        aria-label={`Close ${titleOf(name)}; what runs in it stops`}
        onClick={onClose}
      >
        <IconX size={14} />
      </button>
    )}
  </div>
)
