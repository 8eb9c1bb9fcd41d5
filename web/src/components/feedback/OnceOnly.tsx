import { Button, CopyButton } from '@mantine/core'
import { IconCheck, IconCopy } from '@tabler/icons-react'
import styles from './OnceOnly.module.css'

/** A secret that is shown one time: the whole of it, selectable, with a button to copy. */
export const OnceOnly = ({ label, value }: { label: string; value: string }) => (
  <div className={styles.box}>
    <p className={styles.label}>{label}</p>
    <code className={styles.value} data-testid="once">
      {value}
    </code>
    <CopyButton value={value}>
      {({ copied, copy }) => (
        <Button
          variant="default"
          size="sm"
          leftSection={copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
          onClick={copy}
        >
          {copied ? 'Copied' : 'Copy'}
        </Button>
      )}
    </CopyButton>
  </div>
)
