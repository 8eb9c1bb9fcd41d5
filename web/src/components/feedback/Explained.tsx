import styles from './Explained.module.css'

/** Names of errors as a system gives them: ECONNREFUSED, ERR_TLS_CERT_ALTNAME_INVALID, UND_ERR_SOCKET. */
const SYSTEM_NAME = /\s*\(?\b((?:E[A-Z]{3,}[A-Z0-9]*|(?:ERR|UND_ERR|CERT|DEPTH|SELF|UNABLE)_[A-Z0-9_]+))\b\)?/g

/** What happened in words; what the system calls it only for those who open the details. */
export const Explained = ({ children }: { children: string }) => {
  const names = [...children.matchAll(SYSTEM_NAME)].map(([, name]) => name)
  if (names.length === 0) return children
  return (
    <>
      {children.replace(SYSTEM_NAME, '')}
      <details className={styles.details}>
        <summary>Details</summary>
        <code>{names.join(', ')}</code>
      </details>
    </>
  )
}
