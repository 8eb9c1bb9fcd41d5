import { createServer } from 'node:net'
import { z } from 'zod'

/** A port of this machine that nobody listens on. Another program may take it before it is used: its listener then says so. */
export function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen({ host: '127.0.0.1', port: 0 }, () => {
      const { port } = z.object({ port: z.int() }).parse(probe.address())
      probe.close(() => resolve(port))
    })
  })
}
