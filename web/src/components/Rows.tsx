import type { ReactNode } from 'react'
import styles from './Rows.module.css'

/** A framed list; its children are `li`, whose parts stand side by side and wrap. */
export const Rows = ({ children }: { children: ReactNode }) => <ul className={styles.rows}>{children}</ul>
