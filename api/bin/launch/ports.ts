import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { CannotStart } from '../prepare/steps.mjs'

/**
 * Says which program has the port, before anything is started for nothing.
 *
 * @throws CannotStart when somebody else listens there or the address is not this machine's.
 */
export function assertPortIsFree(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') reject(new CannotStart(taken(port)))
      else reject(new CannotStart(`Backlot cannot listen on ${host}, port ${port}: ${error.message}`))
    })
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve()))
  })
}

function taken(port: number): string {
  const owner = ownerOf(port)
  const by = owner === null ? 'another program' : `${owner.name} (process ${owner.pid})`
  return `Port ${port} is taken by ${by}. Stop it, or choose another port: npm start -- --port ${port + 1}`
}

/** Finds the listener through /proc: the socket's inode in /proc/net/tcp*, then who holds it. Null where that cannot be read. */
function ownerOf(port: number): { pid: number; name: string } | null {
  try {
    const hex = port.toString(16).toUpperCase().padStart(4, '0')
    const rows = ['tcp', 'tcp6'].flatMap((table) => readFileSync(`/proc/net/${table}`, 'utf8').split('\n'))
    const fields = rows.map((row) => row.trim().split(/\s+/))
    // 0A = LISTEN (include/net/tcp_states.h).
    const inode = fields.find((row) => row[1]?.endsWith(`:${hex}`) && row[3] === '0A')?.[9]
    if (inode === undefined) return null
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
      if (holds(pid, inode)) return { pid: Number(pid), name: readFileSync(`/proc/${pid}/comm`, 'utf8').trim() }
  } catch {
    // Not Linux, or not allowed to look.
  }
  return null
}

function holds(pid: string, inode: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`) === `socket:[${inode}]`)
  } catch {
    return false
  }
}
