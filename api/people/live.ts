import type { PersonId } from '../contract/ids.ts'
import type { Caller } from '../http/route.ts'

/** Connections that stay open (the feed, terminals) on behalf of a person: they end when the right to them ends. */
export function createLiveConnections() {
  const open = new Set<{ person: PersonId; session: string | null; close: () => void }>()
  const end = (matches: (entry: { person: PersonId; session: string | null }) => boolean) => {
    for (const entry of [...open]) if (matches(entry)) entry.close()
  }
  return {
    /** Call the answer when the connection has ended by itself. */
    track(caller: Caller, close: () => void): () => void {
      const session = caller.by.type === 'session' ? caller.by.session.toString('hex') : null
      const entry = { person: caller.id, session, close }
      open.add(entry)
      return () => open.delete(entry)
    },
    endPerson: (person: PersonId) => end((entry) => entry.person === person),
    endSession: (session: Buffer) => end((entry) => entry.session === session.toString('hex')),
    endAll: () => end(() => true),
  }
}
export type LiveConnections = ReturnType<typeof createLiveConnections>
