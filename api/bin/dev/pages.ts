/** Vite as a child of the launcher: listens where people come in, serves the pages, passes the rest on to the server. */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { createServer, type ProxyOptions } from 'vite'
import { z } from 'zod'
import { headersForPages } from './headers.ts'

const environment = z
  .object({ BACKLOT_HOST: z.string(), BACKLOT_PORT: z.coerce.number(), BACKLOT_DEV_SERVER: z.url() })
  .parse(process.env)
const root = join(import.meta.dirname, '..', '..', '..')
const target = environment.BACKLOT_DEV_SERVER

const nonce = randomBytes(16).toString('base64')
const { headers } = await fetch(new URL('/healthz', target))

const passOn: ProxyOptions = {
  target,
  ws: true,
  configure: (proxy) => {
    // The server is being started again. Cut off, a page says so and tries again by itself; Vite's own answer, 500, it must not.
    proxy.on('error', (_error, _request, reply) => void reply.destroy())
  },
}

const vite = await createServer({
  root: join(root, 'web'),
  configFile: join(root, 'web', 'vite.config.ts'),
  logLevel: 'warn',
  clearScreen: false,
  html: { cspNonce: nonce },
  server: {
    host: environment.BACKLOT_HOST,
    port: environment.BACKLOT_PORT,
    strictPort: true,
    headers: headersForPages(headers, nonce),
    proxy: { '^/(api|healthz|readyz)(/|$|[?])': passOn },
    // A file that is written in place is empty for a moment: Vite would serve that, and miss what follows within 50 ms.
    watch: { awaitWriteFinish: { stabilityThreshold: 40, pollInterval: 10 } },
    fs: { strict: true, allow: ['web', join('api', 'contract'), 'node_modules'].map((folder) => join(root, folder)) },
  },
})
await vite.listen()
process.on('SIGTERM', () => {
  vite.close().then(
    () => process.exit(0),
    () => process.exit(1),
  )
})
process.send?.({ type: 'pages' })
