import { useLocalStorage } from '@mantine/hooks'
import { IconX } from '@tabler/icons-react'
import styles from './Terminals.module.css'

/** The first thing to do in a new workspace; goes away when told to. */
export const HowToStart = ({ onType }: { onType: (text: string) => void }) => {
  const [hidden, setHidden] = useLocalStorage({
    key: 'backlot-how-to-start',
    defaultValue: 'no',
    getInitialValueInEffect: false,
  })
  if (hidden === 'yes') return null
  return (
    <div className={styles.start}>
      <button type="button" className={styles.go} onClick={() => onType('opencode\r')}>
        Start the agent
      </button>
      <span>
        Or type <code>opencode</code>, then say what you want to see.
      </span>
      <button type="button" className={styles.dismiss} aria-label="Hide this hint" onClick={() => setHidden('yes')}>
        <IconX size={15} />
      </button>
    </div>
  )
}
