import { ApiError } from '../../errors.ts'
import type { Gauge } from '../../room/gauge.ts'
import type { App } from '../http/route.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Begins something new, which is refused while the disk has only its reserve left. Stops and removals never do. */
    needsRoom?: true
  }
}

/** Call it after the hook that judges access: who may not do something learns nothing about the disk. */
export function keepRoom(app: App, gauge: Pick<Gauge, 'room'>): void {
  app.addHook('onRequest', async (request) => {
    if (request.routeOptions.config.needsRoom !== true) return
    const { low, words } = gauge.room()
    if (low) throw new ApiError('no_room', words ?? 'The disk is nearly full.')
  })
}
