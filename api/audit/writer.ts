import pg from 'pg'

/** One statement, so one commit: all of a batch or none. No conflict target: naming one would need the right to read. */
const INSERT = {
  name: 'audit-append',
  text: 'INSERT INTO audit_events (body) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING',
}
/** SQLSTATE classes that blame the rows and not the database (22: data, 23: constraint). */
const BLAMES_ROWS = /^2[23]/

/** The database refused what was in the rows; sending them again will not help. */
export const isRowsFault = (error: unknown) => error instanceof pg.DatabaseError && BLAMES_ROWS.test(error.code ?? '')

/**
 * One connection that adds event bodies, opened when needed and again after it broke. `write` resolves when all of them
 * are committed; no answer within `timeoutMs` counts as broken (a stopped process keeps its sockets open).
 * `onBroken` is told when the connection ends while nobody writes.
 */
export function createWriter(databaseUrl: string, timeoutMs: number, onBroken: (error: Error) => void) {
  const state: { client: pg.Client | null } = { client: null }

  async function open(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: timeoutMs, keepAlive: true })
    client.on('error', (error) => {
      if (state.client !== client) return
      state.client = null
      onBroken(error)
    })
    try {
      await client.connect()
      // A managed database may have been told otherwise; an acknowledged event must survive a power cut.
      await within(timeoutMs, client.query('SET synchronous_commit = on'))
      return client
    } catch (error) {
      discard(client)
      throw error
    }
  }

  return {
    async write(bodies: string[]): Promise<void> {
      const client = state.client ?? (await open())
      state.client = client
      try {
        await within(timeoutMs, client.query({ ...INSERT, values: [bodies] }))
      } catch (error) {
        if (!isRowsFault(error)) {
          state.client = null
          discard(client)
        }
        throw error
      }
    },
    /**
     * Whether `body` could be written now: a full disk refuses it, and answers everything else. It is taken back, so nothing
     * stays in the log. Null: only whether the database answers.
     */
    async tryWrite(body: string | null): Promise<void> {
      if (body === null) return this.write([])
      const client = state.client ?? (await open())
      state.client = client
      try {
        await within(timeoutMs, client.query('BEGIN'))
        await within(timeoutMs, client.query({ ...INSERT, values: [[body]] }))
        await within(timeoutMs, client.query('ROLLBACK'))
      } catch (error) {
        // A new connection is the end of the transaction too.
        state.client = null
        discard(client)
        if (!isRowsFault(error)) throw error
      }
    },
    close() {
      if (state.client) discard(state.client)
      state.client = null
    },
  }
}

export type Writer = ReturnType<typeof createWriter>

/** `end` cuts the socket while a query is under way, and says goodbye otherwise; neither may keep us waiting. */
function discard(client: pg.Client) {
  client.end().catch(() => {})
}

async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`The database did not answer within ${timeoutMs} ms.`)), timeoutMs)
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
