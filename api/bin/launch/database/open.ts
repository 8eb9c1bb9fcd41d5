import { join } from 'node:path'
import { tooFewConnections } from '../../../store/connections.ts'
import { maxConnections, migrate } from '../../../store/migrate.ts'
import { rememberDatabase } from '../../commands/place.ts'
import type { Children } from '../children/children.ts'
import { checkAddress, whatToDo } from './outside.ts'
import { rolePasswords, urlOf } from './secrets.ts'

/** The database's address for each program that has one. */
export interface Databases {
  server: string
  gateway: string
  /** What whoever starts Backlot should act on. */
  warnings: string[]
}

interface Wanted {
  /** The state folder. */
  home: string
  /** DATABASE_URL; undefined: the embedded PostgreSQL, as a child. */
  outside: string | undefined
  gateways: number
}

/** Opens the database, brings its tables up to date, and leaves its address for commands. */
export async function openDatabase({ home, outside, gateways }: Wanted, children: Children): Promise<Databases> {
  const { ownerUrl, passwords } = outside === undefined ? await startEmbedded(children) : takeOutside(home, outside)
  await migrate(ownerUrl, passwords).catch((error: unknown) => {
    throw outside === undefined ? error : whatToDo(error, outside)
  })
  const server = urlOf(ownerUrl, 'backlot_server', passwords.serverPassword)
  rememberDatabase(home, server)
  const tooFew = tooFewConnections(await maxConnections(ownerUrl), gateways)
  return {
    server,
    gateway: urlOf(ownerUrl, 'backlot_gateway', passwords.gatewayPassword),
    warnings: tooFew === null ? [] : [tooFew],
  }
}

function takeOutside(home: string, ownerUrl: string) {
  checkAddress(ownerUrl)
  return { ownerUrl, passwords: rolePasswords(home) }
}

async function startEmbedded(children: Children) {
  const message = await children.open('PostgreSQL', join(import.meta.dirname, 'database.ts')).message()
  if (message.type !== 'database') throw new Error('PostgreSQL did not say where it is')
  return message
}
