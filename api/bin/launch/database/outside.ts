/** A PostgreSQL that somebody else runs (DATABASE_URL): its address, and what it answers turned into what to do. */
import { z } from 'zod'
import { CannotStart } from '../../prepare/steps.mjs'

const EXAMPLE = 'postgres://user:password@host:5432/backlot'
const OR_BUILT_IN = 'Or unset DATABASE_URL: Backlot then brings a database of its own.'

/** Of Node's sockets; the last three are PostgreSQL's (appendix A of its manual): too many clients, shutting down, starting up. */
const SILENT = /^(E(?!RR_)[A-Z_]+|53300|57P01|57P03)$/
const coded = z.object({ code: z.string() })

/** libpq allows an empty host, beside `?host=` or for a default; a WHATWG URL without one can hold no user. */
export function readable(databaseUrl: string): URL {
  return new URL(databaseUrl.replace(/^(\w+:\/\/(?:[^@/?]*@)?)(?=\/)/, '$1localhost'))
}

/** @throws CannotStart when this cannot be the address of a database. */
export function checkAddress(databaseUrl: string): void {
  const { protocol, pathname } = addressOf(databaseUrl)
  if (!/^postgres(ql)?:$/.test(protocol))
    throw new CannotStart(`DATABASE_URL must look like ${EXAMPLE}. ${OR_BUILT_IN}`)
  // Without it each of the three roles would look for a database of its own name.
  if (pathname.length < 2) throw new CannotStart(`DATABASE_URL names no database. It must look like ${EXAMPLE}.`)
}

/** Never shows a password: the address stays out of it, but for user, host and database. */
export function whatToDo(error: unknown, databaseUrl: string): unknown {
  if (!(error instanceof Error)) return error
  const cause = error.cause instanceof Error ? error.cause : error
  const { code } = coded.catch({ code: '' }).parse(cause)
  const url = addressOf(databaseUrl)
  const user = url.searchParams.get('user') ?? decodeURIComponent(url.username)
  const database = decodeURIComponent(url.pathname.slice(1))
  const where = url.searchParams.get('host') ?? url.host
  const said = cause.message === '' ? code : cause.message
  if (SILENT.test(code) || /timeout|terminated/i.test(said))
    return new CannotStart(
      `The PostgreSQL of DATABASE_URL does not answer at ${where} (${said}). Start it, or correct the address. ${OR_BUILT_IN}`,
    )
  if (code === '28P01' || code === '28000' || said.startsWith('SASL'))
    return new CannotStart(
      `The PostgreSQL at ${where} does not let "${user}" in (${said}). Correct the user and the password in DATABASE_URL.`,
    )
  if (code === '3D000')
    return new CannotStart(
      `The PostgreSQL at ${where} has no database "${database}". As its administrator: CREATE DATABASE "${database}" OWNER "${user}";`,
    )
  if (code !== '42501') return error
  const cures = [`ALTER ROLE "${user}" CREATEROLE; ALTER DATABASE "${database}" OWNER TO "${user}";`]
  // They belong to the whole PostgreSQL, not to a database: two Backlots in one would change each other's passwords.
  if (/alter role/i.test(said)) cures.push(`GRANT backlot_server, backlot_gateway TO "${user}" WITH ADMIN OPTION;`)
  return new CannotStart(
    `The user "${user}" of DATABASE_URL may not do what Backlot needs (${said}). It must own the database and be able to create roles. As an administrator of that PostgreSQL:\n  ${cures.join('\n  ')}`,
  )
}

function addressOf(databaseUrl: string): URL {
  try {
    return readable(databaseUrl)
  } catch {
    // The reason that URL gives would repeat the password.
    throw new CannotStart(`DATABASE_URL is not an address. It must look like ${EXAMPLE}. ${OR_BUILT_IN}`)
  }
}
