import { createHash, randomBytes } from 'node:crypto'
import type { PersonId, SandboxId } from '../../contract/ids.ts'

const VALID_MS = 30_000
/** More than people open within VALID_MS. Beyond it the oldest are no longer valid. */
const LIMIT = 10_000

export interface Admission {
  person: PersonId
  sandbox: SandboxId
  terminal: string
}

/**
 * Tickets for WebSockets: what a page on another origin cannot get, because it cannot read the answer that holds it. Each
 * is valid once, for 30 s, for one person and one terminal. Kept in memory as SHA-256: after a restart people ask again.
 */
export function createTickets(now: () => number = Date.now) {
  const issued = new Map<string, Admission & { until: number }>()
  const hashOf = (ticket: string) => createHash('sha256').update(ticket).digest('base64url')

  /** In the order of issue, which is the order of expiry. */
  function forgetOld() {
    for (const [hash, { until }] of issued) {
      if (until > now() && issued.size < LIMIT) return
      issued.delete(hash)
    }
  }

  return {
    issue(admission: Admission): string {
      forgetOld()
      const ticket = randomBytes(32).toString('base64url')
      issued.set(hashOf(ticket), { ...admission, until: now() + VALID_MS })
      return ticket
    },
    /** True once. A ticket that is shown for something else is used up too. */
    redeem(ticket: string, { person, sandbox, terminal }: Admission): boolean {
      const hash = hashOf(ticket)
      const found = issued.get(hash)
      issued.delete(hash)
      if (!found || found.until <= now()) return false
      return found.person === person && found.sandbox === sandbox && found.terminal === terminal
    },
  }
}
export type Tickets = ReturnType<typeof createTickets>
