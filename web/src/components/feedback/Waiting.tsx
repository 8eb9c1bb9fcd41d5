import { Button } from '@mantine/core'
import { IconRefresh } from '@tabler/icons-react'
import type { UseQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { messageOf } from '../../client/request.ts'
import { Explained } from './Explained.tsx'
import styles from './Waiting.module.css'

/** Grey rows in the shape of what is coming. */
export const Bones = ({ rows = 4, tall = false }: { rows?: number; tall?: boolean }) => (
  <div className={styles.bones} data-tall={tall || undefined} role="status" aria-label="Loading">
    {Array.from({ length: rows }, (_, row) => (
      // biome-ignore lint/suspicious/noArrayIndexKey: rows without content
      <div key={row} className={styles.bone} />
    ))}
  </div>
)

export const Failure = ({ error, onRetry }: { error: unknown; onRetry: () => void }) => (
  <div className={styles.note} role="alert">
    <div>
      <Explained>{messageOf(error)}</Explained>
    </div>
    <Button variant="default" leftSection={<IconRefresh size={16} />} onClick={onRetry}>
      Try again
    </Button>
  </div>
)

interface EmptyProps {
  title: string
  /** 3 inside of a section that has a heading of its own. */
  level?: 2 | 3
  children?: ReactNode
  action?: ReactNode
}

/** Nothing there yet, and what to do about it. */
export const Empty = ({ title, level = 2, children, action }: EmptyProps) => (
  <div className={styles.note}>
    {level === 2 ? <h2>{title}</h2> : <h3>{title}</h3>}
    {children && <p>{children}</p>}
    {action}
  </div>
)

/** One of loading, failed and ready; what came before stays on the screen when a later look fails. */
export const Ready = <Data,>({
  query,
  bones,
  children,
}: {
  query: UseQueryResult<Data>
  bones?: ReactNode
  children: (data: Data) => ReactNode
}) => {
  if (query.data !== undefined) return children(query.data)
  if (query.isError) return <Failure error={query.error} onRetry={() => void query.refetch()} />
  return bones ?? <Bones />
}
