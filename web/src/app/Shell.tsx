import { ActionIcon, Drawer } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { IconMenu2 } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { Outlet, useLocation, useRouter } from '@tanstack/react-router'
import { useEffect } from 'react'
import { meQuery } from '../client/session.ts'
import { Unreachable } from '../components/feedback/Unreachable.tsx'
import { Wordmark } from '../components/Wordmark.tsx'
import { Navigation } from './Navigation.tsx'
import styles from './Shell.module.css'
import { Shortcuts } from './Shortcuts.tsx'

export const Shell = () => {
  const { data: me } = useQuery(meQuery)
  const location = useLocation()
  const router = useRouter()
  const [opened, { open, close }] = useDisclosure()
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new page closes the menu
  useEffect(close, [location.pathname])

  // The session has ended: the route's own guard knows where to go, and how to come back.
  useEffect(() => {
    if (!me) void router.invalidate()
  }, [me, router])

  if (!me) return null
  return (
    <div className={styles.shell}>
      <a className="skip-link" href="#main">
        Skip to content
      </a>
      <aside className={styles.rail}>
        <Navigation me={me} />
      </aside>
      <section className={styles.topbar} aria-label="Top bar">
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label="Open menu" onClick={open}>
          <IconMenu2 size={20} />
        </ActionIcon>
        <Wordmark />
      </section>
      <Drawer
        opened={opened}
        onClose={close}
        size={272}
        withCloseButton={false}
        title={<span className="only-read-aloud">Menu</span>}
        padding={0}
        classNames={{ header: styles.drawerHead ?? '' }}
      >
        <div className={styles.drawer}>
          <Navigation me={me} />
        </div>
      </Drawer>
      <main id="main" className={styles.main} tabIndex={-1}>
        <Outlet />
      </main>
      <Shortcuts me={me} />
      <Unreachable />
    </div>
  )
}
