import { useLocalStorage } from '@mantine/hooks'
import { IconX } from '@tabler/icons-react'
import { useEffect, useState } from 'react'
import styles from './Terminals.module.css'

interface Props {
  /** A program has the whole screen: what is typed goes to it, and it is mostly the agent. */
  inUse: boolean
  onType: (text: string) => void
}

/** After this the agent has come, or the terminal shows why it did not. */
const STARTING_MS = 30_000

/** The first thing to do in a new workspace; goes away when told to. */
export const HowToStart = ({ inUse, onType }: Props) => {
  const [starting, setStarting] = useState(false)
  const [hidden, setHidden] = useLocalStorage({
    key: 'backlot-how-to-start',
    defaultValue: 'no',
    getInitialValueInEffect: false,
  })
  useEffect(() => {
    if (inUse) setStarting(false)
    if (!starting) return
    const timer = window.setTimeout(() => setStarting(false), STARTING_MS)
    return () => window.clearTimeout(timer)
  }, [inUse, starting])
  if (hidden === 'yes' || inUse) return null
  if (starting)
    return (
      <div className={styles.start} role="status">
        The agent is starting. This takes a few seconds. Then say what you want to build.
      </div>
    )
  return (
    <div className={styles.start}>
      <button
        type="button"
        className={styles.go}
        onClick={() => {
          setStarting(true)
          onType('opencode\r')
        }}
      >
        Start the agent
      </button>
      <span>
        Or type <code>opencode</code>, then say what you want to build.
      </span>
      <button type="button" className={styles.dismiss} aria-label="Hide this hint" onClick={() => setHidden('yes')}>
        <IconX size={15} />
      </button>
    </div>
  )
}
