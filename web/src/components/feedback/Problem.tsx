import type { ReactNode } from 'react'
import styles from './Problem.module.css'

/** Why something that was asked for did not happen; nothing when there is nothing to say. */
export const Problem = ({ children }: { children: ReactNode }) =>
  children ? (
    <p className={styles.problem} role="alert">
      {children}
    </p>
  ) : null
