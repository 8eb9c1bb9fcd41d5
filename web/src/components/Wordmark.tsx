import styles from './Wordmark.module.css'

/** A stage flat seen from the side: the front, and the strut that holds it up. */
export const Wordmark = ({ large = false }: { large?: boolean }) => (
  <span className={styles.mark} data-large={large || undefined}>
    <svg viewBox="0 0 22 22" aria-hidden="true" className={styles.sign}>
      <path d="M2 2h10v18H2z" fill="var(--marigold)" />
      <path d="M13.5 6 20 20h-6.5" fill="none" stroke="currentColor" strokeWidth="1.6" strokeLinejoin="round" />
      <path d="M5.5 20v-6.5h3V20z" fill="var(--on-marigold)" />
    </svg>
    Backlot
  </span>
)
