import { LONG } from '../../gallery/data/words.ts'
import styles from '../../gallery/gallery.module.css'
import type { States } from '../../gallery/state.ts'
import { Scrolling } from './Scrolling.tsx'

export const states: States = {
  'very long': {
    show: () => (
      <Scrolling label="A long line" className={styles.scrolling ?? ''}>
        <pre>{LONG}</pre>
      </Scrolling>
    ),
    shows: 'If a refund takes',
  },
}
