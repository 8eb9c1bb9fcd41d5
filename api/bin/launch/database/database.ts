/** The embedded PostgreSQL as a child of the launcher: starts it, says where it is, ends when it ends. */
import { join } from 'node:path'
import { startEmbedded } from '../../../store/embedded.ts'

const home = process.env.BACKLOT_HOME
if (home === undefined) throw new Error('BACKLOT_HOME is not set')

const database = await startEmbedded({
  dataDirectory: join(home, 'postgres'),
  socketDirectory: join(home, 'postgres-socket'),
})
const closing = new AbortController()
process.on('SIGTERM', () => {
  closing.abort()
  database.close().then(
    () => process.exit(0),
    () => process.exit(1),
  )
})
process.send?.({ type: 'database', ownerUrl: database.ownerUrl, passwords: database.passwords })
await database.exited
if (!closing.signal.aborted) {
  console.error('PostgreSQL ended')
  process.exit(1)
}
