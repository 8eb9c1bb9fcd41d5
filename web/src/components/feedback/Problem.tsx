import type { ReactNode } from 'react'
import { Explained } from './Explained.tsx'
import styles from './Problem.module.css'

/** Why something that was asked for did not happen; nothing when there is nothing to say. */
export const Problem = ({ children }: { children: ReactNode }) =>
  children ? (
    <div className={styles.problem} role="alert">
      {typeof children === 'string' ? <Explained>{children}</Explained> : children}
    </div>
  ) : null
