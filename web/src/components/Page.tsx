import { type ReactNode, useEffect } from 'react'
import styles from './Page.module.css'

interface Props {
  title: string
  /** One sentence under the title. */
  intro?: ReactNode
  actions?: ReactNode
  wide?: boolean
  children: ReactNode
}

export const Page = ({ title, intro, actions, wide = false, children }: Props) => {
  useEffect(() => {
    document.title = `${title} · Backlot`
  }, [title])
  return (
    <div className={styles.page} data-wide={wide || undefined}>
      <header className={styles.header}>
        <div>
          <h1>{title}</h1>
          {intro && <p className={styles.intro}>{intro}</p>}
        </div>
        {actions && <div className={styles.actions}>{actions}</div>}
      </header>
      {children}
    </div>
  )
}

export const Section = ({
  title,
  intro,
  actions,
  children,
}: {
  title: string
  intro?: ReactNode
  actions?: ReactNode
  children: ReactNode
}) => (
  <section className={styles.section} aria-label={title}>
    <div className={styles.sectionHead}>
      <div>
        <h2>{title}</h2>
        {intro && <p className={styles.intro}>{intro}</p>}
      </div>
      {actions}
    </div>
    {children}
  </section>
)
