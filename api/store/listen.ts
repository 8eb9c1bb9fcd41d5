import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'

const PING_INTERVAL_MS = 5_000
const TIMEOUT_MS = 5_000
const FIRST_PAUSE_MS = 50
const MAX_PAUSE_MS = 1_000

/**
 * LISTENs on its own connection and reconnects for ever. Notifications that came while it was away are lost, as
 * PostgreSQL does not keep them: `onReconnect` runs at the first connection and at each later one, so that the caller
 * reads again what it may have missed. A server that keeps the socket but answers nothing is found by a ping.
 */
export function listen(
  databaseUrl: string,
  channels: readonly string[],
  onNotify: (channel: string, payload: string) => void,
  onReconnect: () => void,
) {
  const closing = new AbortController()
  const running = keepListening()

  async function keepListening() {
    let pauseMs = FIRST_PAUSE_MS
    while (!closing.signal.aborted) {
      const client = new pg.Client({
        connectionString: databaseUrl,
        connectionTimeoutMillis: TIMEOUT_MS,
        query_timeout: TIMEOUT_MS,
        keepAlive: true,
      })
      const broken = new AbortController()
      client.on('error', () => broken.abort())
      client.on('end', () => broken.abort())
      client.on('notification', ({ channel, payload }) => onNotify(channel, payload ?? ''))
      try {
        await client.connect()
        for (const channel of channels) await client.query(`LISTEN ${client.escapeIdentifier(channel)}`)
        pauseMs = FIRST_PAUSE_MS
        if (!closing.signal.aborted) onReconnect()
        await pingUntil(client, AbortSignal.any([closing.signal, broken.signal]))
      } catch {
        await delay(pauseMs, null, { signal: closing.signal }).catch(() => {})
        pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)
      } finally {
        client.end().catch(() => {})
      }
    }
  }

  return {
    async close() {
      closing.abort()
      await running
    },
  }
}

/** Returns when told to stop; throws when the server does not answer. */
async function pingUntil(client: pg.Client, stop: AbortSignal) {
  while (!stop.aborted) {
    await delay(PING_INTERVAL_MS, null, { signal: stop }).catch(() => {})
    if (!stop.aborted) await client.query('SELECT')
  }
}
