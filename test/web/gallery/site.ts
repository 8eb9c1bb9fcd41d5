/** The gallery, built and served: what a test looks at is what `npm run gallery` shows. */
import { join } from 'node:path'
import { build, preview } from 'vite'
import { z } from 'zod'

const gallery = join(import.meta.dirname, '..', '..', '..', 'web', 'gallery')

export async function serveGallery(folder: string) {
  const options = { configFile: join(gallery, 'vite.config.ts'), logLevel: 'warn' } as const
  await build({ ...options, build: { outDir: folder } })
  const server = await preview({ ...options, build: { outDir: folder }, preview: { host: '127.0.0.1', port: 0 } })
  const { port } = z.object({ port: z.int() }).parse(server.httpServer.address())
  return { url: `http://127.0.0.1:${port}/`, close: () => server.close() }
}
