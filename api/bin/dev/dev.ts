/**
 * `npm run dev`: the platform of `npm start`, and Vite as the people's door before it. Pages change while they are open; a
 * program is started again when a source of it changes. Nothing of this folder is reached from `npm start`.
 */
import { join } from 'node:path'
import type { Child } from '../launch/children/children.ts'
import { readLaunch } from '../launch/environment.ts'
import { runPlatform } from '../launch/platform.ts'
import type { Started } from '../launch/start.ts'
import { affectedBy } from './affected.ts'
import { findFreePort } from './free-port.ts'
import { watchSources } from './watch.ts'

const root = join(import.meta.dirname, '..', '..', '..')
const asked = readLaunch(process.env)
const launch = { ...asked, port: asked.port === 0 ? await findFreePort() : asked.port }
const url = `http://${launch.host.includes(':') ? `[${launch.host}]` : launch.host}:${launch.port}`
/** Only Vite talks to it; `url` is what it tells people, and takes as its own origin. */
const serverPort = await findFreePort()
const watching = new AbortController()

await runPlatform(launch, {
  command: 'npm run dev',
  server: { BACKLOT_HOST: '127.0.0.1', BACKLOT_PORT: String(serverPort), BACKLOT_URL: url },
  onDeath: (tail, say) => say(tail),
  close: () => watching.abort(),
  async opened({ programs }, children, { step, say }) {
    const pages = await step('Pages by Vite', async () => {
      const child = children.open('pages', join(import.meta.dirname, 'pages.ts'), {
        DATABASE_URL: undefined,
        DOCKER_HOST: undefined,
        BACKLOT_HOST: launch.host,
        BACKLOT_PORT: String(launch.port),
        BACKLOT_DEV_SERVER: `http://127.0.0.1:${serverPort}`,
      })
      await child.message()
      return child
    })
    say('For development: source code is served, and pages may also run what Vite marks with a nonce of this start.')
    follow({ ...programs, pages: [pages] }, say)
  },
})

function follow(programs: Started['programs'] & { pages: Child[] }, say: (text: string) => void) {
  watchSources(root, watching.signal, (files) => {
    const { restart, byHand } = affectedBy(files)
    if (byHand) say(`${files.join(', ')} changed: press Ctrl-C and start npm run dev again.`)
    if (restart.length === 0) return
    say(`${files.join(', ')} changed: starting ${restart.join(', ')} again`)
    for (const child of restart.flatMap((name) => programs[name])) child.restart()
  })
}
