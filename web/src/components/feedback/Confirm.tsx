import { Button, Group, Modal } from '@mantine/core'
import type { ReactNode } from 'react'
import { messageOf } from '../../client/request.ts'
import styles from './Confirm.module.css'
import { Problem } from './Problem.tsx'

interface Props {
  opened: boolean
  title: string
  /** What will happen, and what can not be undone. */
  children: ReactNode
  /** The button says what it does, as the title does. */
  action: string
  danger?: boolean
  pending?: boolean
  error?: unknown
  onConfirm: () => void
  onClose: () => void
}

export const Confirm = ({
  opened,
  title,
  children,
  action,
  danger = true,
  pending = false,
  error,
  onConfirm,
  onClose,
}: Props) => (
  <Modal opened={opened} onClose={onClose} title={title}>
    <div className={styles.text}>{children}</div>
    <Problem>{error ? messageOf(error) : null}</Problem>
    <Group justify="flex-end" mt="lg">
      <Button variant="default" data-autofocus onClick={onClose}>
        Cancel
      </Button>
      <Button color={danger ? 'red' : 'marigold'} loading={pending} onClick={onConfirm}>
        {action}
      </Button>
    </Group>
  </Modal>
)
