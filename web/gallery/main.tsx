/** `npm run gallery`: every state of every page and component, without a platform. */
import '@mantine/core/styles.css'
import '@mantine/notifications/styles.css'
import '@fontsource-variable/bricolage-grotesque/index.css'
import '@fontsource-variable/inter/index.css'
import '@fontsource-variable/jetbrains-mono/index.css'
import '../src/app/tokens.css'
import '../src/app/base.css'
import { createRoot } from 'react-dom/client'
import { fetchFrom, socketFrom } from './answering.ts'
import { everybody } from './data/people.ts'
import { asked, found } from './found.ts'
import { List } from './List.tsx'
import { pressAll } from './pressing.ts'
import { Shown } from './Shown.tsx'

const root = document.getElementById('root')
if (!root) throw new Error('index.html has no #root')
const one = asked()
if (one) {
  const { state } = one
  Object.assign(window, {
    fetch: fetchFrom({ ...everybody, ...state.answers }),
    WebSocket: socketFrom(state.terminal ?? []),
  })
  // A sign-in link carries its token in the fragment of the real address.
  if ('at' in state && state.at.includes('#')) window.location.hash = new URL(state.at, window.location.href).hash
  root.dataset.shows = state.shows
  createRoot(root).render(<Shown state={state} />)
  void pressAll(state.press ?? []).then(() => {
    root.dataset.pressed = 'yes'
  })
} else {
  createRoot(root).render(<List all={found} />)
}
