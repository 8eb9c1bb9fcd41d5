import type { ReactNode } from 'react'
import styles from './Tag.module.css'
import type { Tone } from './tone.ts'

export const Tag = ({ tone = 'plain', children }: { tone?: Tone; children: ReactNode }) => (
  <span className={styles.tag} data-tone={tone}>
    {children}
  </span>
)
