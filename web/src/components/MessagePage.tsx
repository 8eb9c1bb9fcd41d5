import type { ReactNode } from 'react'
import styles from './MessagePage.module.css'

interface MessagePageProps {
  title: string
  picture?: ReactNode
  /** `alert`: it came in place of what somebody was looking at. */
  role?: 'alert'
  children: ReactNode
}

/** A page that says one thing, in place of what cannot be shown. */
export const MessagePage = ({ title, picture, role, children }: MessagePageProps) => (
  <div className={styles.page} role={role}>
    {picture}
    <h1>{title}</h1>
    {children}
  </div>
)
