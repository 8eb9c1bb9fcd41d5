import type { ReactNode } from 'react'
import { SchemeSwitch } from '../../components/SchemeSwitch.tsx'
import { Wordmark } from '../../components/Wordmark.tsx'
import { Facade } from '../../modules/facade/Facade.tsx'
import styles from './Doorway.module.css'

/** The frame of the pages before signing in. */
export const Doorway = ({ title, intro, children }: { title: string; intro?: string; children: ReactNode }) => (
  <div className={styles.doorway}>
    <div className={styles.switch}>
      <SchemeSwitch />
    </div>
    <main className={styles.panel}>
      <Wordmark large />
      <h1>{title}</h1>
      {intro && <p className={styles.intro}>{intro}</p>}
      {children}
    </main>
    <div className={styles.street} aria-hidden="true">
      {['main street', 'harbour', 'station', 'old town', 'market', 'mill'].map((seed) => (
        <Facade key={seed} seed={seed} mood="up" />
      ))}
    </div>
  </div>
)
