import { Button, Group } from '@mantine/core'
import { z } from 'zod'
import { isOffline, messageOf, request } from '../../client/request.ts'
import { MessagePage } from '../../components/MessagePage.tsx'

/** Anew with what the server has now; without an answer from it a reload would lose the page. */
const tryAgain = async (reset: () => void) => {
  try {
    await request('/me', z.unknown())
  } catch (error) {
    if (isOffline(error)) return reset()
  }
  window.location.reload()
}

/** In place of a page that failed. What runs in the workspaces goes on. */
export const PageBroke = ({ error, reset }: { error: unknown; reset: () => void }) => (
  <MessagePage title="This page failed" role="alert">
    <p>{messageOf(error)} What runs in your workspaces keeps running.</p>
    <Group>
      <Button onClick={() => void tryAgain(reset)}>Try again</Button>
      <Button variant="default" component="a" href="/">
        Go to the home page
      </Button>
    </Group>
  </MessagePage>
)
