import { Button } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { useEffect } from 'react'
import { MessagePage } from '../../components/MessagePage.tsx'
import { Facade } from './Facade.tsx'
import styles from './NothingHere.module.css'

/** In place of something that does not exist or is not this person's: the two look the same. */
export const NothingHere = ({ what }: { what: 'page' | 'prototype' }) => {
  useEffect(() => {
    document.title = 'Not found · Backlot'
  }, [])
  return (
    <MessagePage
      title="Nothing behind this door"
      picture={
        <div className={styles.street}>
          <Facade seed="nothing behind it" mood="down" />
        </div>
      }
    >
      <p>This {what} does not exist, or you do not have access to it.</p>
      <Button component={Link} to="/">
        Go to the home page
      </Button>
    </MessagePage>
  )
}
