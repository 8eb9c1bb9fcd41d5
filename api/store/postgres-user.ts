import { execFile } from 'node:child_process'
import { readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const USER = 'backlot-postgres'
const OTHERS_MAY_ENTER = 0o001

/** Who PostgreSQL runs as: null is ourselves. PostgreSQL refuses to run as root, so root gives it a system user of its own. */
export type PostgresUser = { uid: number; gid: number } | null

/** Finds or makes the system user when we are root. Throws, with what to do, where that cannot be done. */
export async function postgresUser(): Promise<PostgresUser> {
  if (process.getuid?.() !== 0) return null
  const known = await lookUp()
  if (known) return known
  try {
    await run('useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', USER])
  } catch (error) {
    // Another start may have made it in the meantime.
    if (!(await lookUp())) {
      throw new Error(`PostgreSQL does not run as root. Make a user for it: useradd --system ${USER}`, { cause: error })
    }
  }
  return lookUp()
}

async function lookUp(): Promise<PostgresUser> {
  const passwd = await readFile('/etc/passwd', 'utf8')
  const fields = passwd
    .split('\n')
    .map((line) => line.split(':'))
    .find(([name]) => name === USER)
  return fields ? { uid: Number(fields[2]), gid: Number(fields[3]) } : null
}

/**
 * The command line that runs `program` as `user`. Where a folder above `paths` is closed to others (a clone in /root, the
 * state folder itself), the user gets the right to walk and read through them: CAP_DAC_READ_SEARCH, or CAP_DAC_OVERRIDE
 * where we do not have that either (capabilities(7)). Its own files stay its own; PostgreSQL still refuses a folder that is not.
 */
export async function commandAs(user: PostgresUser, program: string, args: string[], paths: string[]) {
  if (!user) return { command: program, args }
  const identity = [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups']
  const closed = (await Promise.all([program, ...paths].map(isBehindClosedFolder))).includes(true)
  const capability = closed ? await readCapability() : null
  // access(2) asks without capabilities unless the set-uid fix-up is off (capabilities(7), securebits); initdb uses it to
  // find its own folder. After the exec only the ambient capability is left.
  const rights = capability
    ? ['--securebits=+no_setuid_fixup', `--inh-caps=-all,+${capability}`, `--ambient-caps=-all,+${capability}`]
    : []
  return { command: 'setpriv', args: [...identity, ...rights, program, ...args] }
}

async function isBehindClosedFolder(path: string): Promise<boolean> {
  const parent = dirname(path)
  if (parent === path) return false
  const { mode } = await stat(parent)
  return (mode & OTHERS_MAY_ENTER) === 0 || isBehindClosedFolder(parent)
}

const DAC_READ_SEARCH_BIT = 2n
async function readCapability() {
  const status = await readFile('/proc/self/status', 'utf8')
  const bounding = BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`)
  return bounding & (1n << DAC_READ_SEARCH_BIT) ? 'dac_read_search' : 'dac_override'
}
