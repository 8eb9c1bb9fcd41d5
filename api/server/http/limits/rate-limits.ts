import rateLimit from '@fastify/rate-limit'
import type { FastifyRequest } from 'fastify'
import { ApiError } from '../../../errors.ts'
import type { App } from '../route.ts'
import { addressOf, senderOf } from './sender.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** 'stop': counted by itself, so that it is served while the rest is refused. 'none': never counted. */
    limit?: 'stop' | 'none'
  }
}

export interface RequestsPerMinute {
  /** For one sender, whom people behind one address share, until they are known. */
  sender: number
  /** For one person, from wherever they come: more than all the browser tabs of one person ask for. */
  person: number
  /** For one person's stops, which take nothing from the others. */
  stops: number
}
export const REQUESTS_PER_MINUTE: RequestsPerMinute = { sender: 6_000, person: 6_000, stops: 600 }

const WINDOW_MS = 60_000

/**
 * Limits requests, those to unknown addresses included. Call it after the hook that finds the caller, because what a
 * known person asks for counts against nobody else behind the same address, and before the hook that judges access,
 * because refused requests count too.
 */
export async function limitRequests(app: App, perMinute: RequestsPerMinute): Promise<void> {
  await app.register(rateLimit, { global: false, timeWindow: WINDOW_MS })
  const bySender = app.createRateLimit({
    max: perMinute.sender,
    keyGenerator: (request) => senderOf(addressOf(request)),
  })
  const byPerson = app.createRateLimit({ max: perMinute.person, keyGenerator: personOf })
  const stopsByPerson = app.createRateLimit({ max: perMinute.stops, keyGenerator: personOf })

  app.addHook('onRequest', async (request, reply) => {
    const { limit } = request.routeOptions.config
    if (limit === 'none') return
    const known = limit === 'stop' ? stopsByPerson : byPerson
    const counted = await (request.caller ? known : bySender)(request)
    if (counted.isAllowed || !counted.isExceeded) return
    const seconds = counted.ttlInSeconds
    reply.header('retry-after', seconds)
    throw new ApiError('throttled', `Too many requests. Try again in ${seconds} s.`)
  })
}

/** What is served while other things are refused. */
export const isStop = ({ routeOptions }: FastifyRequest) => routeOptions.config.limit === 'stop'

const personOf = ({ caller }: FastifyRequest) => caller?.id ?? ''
