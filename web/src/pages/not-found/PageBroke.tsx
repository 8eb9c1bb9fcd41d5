import { Button, Group } from '@mantine/core'
import { messageOf } from '../../client/request.ts'
import styles from './NotFound.module.css'

/** In place of a page that failed. What runs in the workspaces goes on. */
export const PageBroke = ({ error, reset }: { error: unknown; reset: () => void }) => (
  <div className={styles.page} role="alert">
    <h1>This page broke</h1>
    <p>{messageOf(error)} Whatever runs in your workspaces goes on.</p>
    <Group>
      <Button onClick={reset}>Try again</Button>
      <Button variant="default" component="a" href="/">
        Go to the start
      </Button>
    </Group>
  </div>
)
