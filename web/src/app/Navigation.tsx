import { IconLogout, IconUserCircle } from '@tabler/icons-react'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { endSession, type Me } from '../client/session.ts'
import { SchemeSwitch } from '../components/SchemeSwitch.tsx'
import { Wordmark } from '../components/Wordmark.tsx'
import styles from './Navigation.module.css'
import { placesFor } from './navigation.ts'

export const Navigation = ({ me }: { me: Me }) => {
  const queries = useQueryClient()
  const navigate = useNavigate()
  const leave = useMutation({
    mutationFn: () => endSession(queries),
    onSettled: () => navigate({ to: '/sign-in' }),
  })
  return (
    <div className={styles.column}>
      <Link to="/" className={styles.home} aria-label="Backlot, home">
        <Wordmark />
      </Link>
      <nav className={styles.nav} aria-label="Main">
        {placesFor(me.person.roles).map((group) => (
          <div key={group.title ?? 'first'} className={styles.group}>
            {group.title && <p className={styles.heading}>{group.title}</p>}
            {group.places.map(({ to, title, icon: Icon }) => (
              <Link key={to} to={to} className={styles.link} activeProps={{ 'aria-current': 'page' }}>
                <Icon size={18} stroke={1.6} aria-hidden />
                {title}
              </Link>
            ))}
          </div>
        ))}
      </nav>
      <div className={styles.foot}>
        <Link to="/account" className={styles.link} activeProps={{ 'aria-current': 'page' }}>
          <IconUserCircle size={18} stroke={1.6} aria-hidden />
          <span className={styles.name}>{me.person.name}</span>
        </Link>
        <div className={styles.tools}>
          <button type="button" className={styles.leave} onClick={() => leave.mutate()} disabled={leave.isPending}>
            <IconLogout size={18} stroke={1.6} aria-hidden />
            Sign out
          </button>
          <SchemeSwitch />
        </div>
      </div>
    </div>
  )
}
