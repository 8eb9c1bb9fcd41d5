import { Button } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { useEffect } from 'react'
import { Facade } from '../../modules/facade/Facade.tsx'
import styles from './NotFound.module.css'

export const NotFound = () => {
  useEffect(() => {
    document.title = 'Not here · Backlot'
  }, [])
  return (
    <div className={styles.page}>
      <div className={styles.street}>
        <Facade seed="nothing behind it" mood="down" />
      </div>
      <h1>Nothing behind this door</h1>
      <p>There is no such page, or it is not yours to see.</p>
      <Button component={Link} to="/">
        Go to the start
      </Button>
    </div>
  )
}
