import type { PersonId, TokenId } from '../../contract/ids.ts'
import type { Caller } from './route.ts'

/** A change that this program did not make (the command line, an expiry) is noticed within this time. */
const LOOK_EVERY_MS = 15_000
/** More than anybody has tabs for. Beyond it the person's oldest connection ends. */
const MAX_PER_PERSON = 64

interface Open {
  caller: Caller
  close: () => void
}

/**
 * Connections that stay open (the feed, terminals) on behalf of a person: they end when the right to them ends. At once
 * when this program ends it; otherwise when `holds` is asked: right after they open, because the right may have ended while
 * they did, and every 15 s.
 */
export function createLiveConnections(
  holds: (caller: Caller) => Promise<boolean>,
  { lookEveryMs = LOOK_EVERY_MS } = {},
) {
  const open = new Set<Open>()
  const timer = setInterval(() => void lookAtAll(), lookEveryMs).unref()

  /** When the database is away, nothing is known about the right: the connection stays until the next look. */
  async function look(entry: Open): Promise<void> {
    const still = await holds(entry.caller).catch(() => true)
    if (!still && open.has(entry)) entry.close()
  }
  /** One after the other, because nobody waits for it. */
  async function lookAtAll(): Promise<void> {
    for (const entry of [...open]) await look(entry)
  }
  function end(matches: (caller: Caller) => boolean): void {
    for (const { caller, close } of [...open]) if (matches(caller)) close()
  }

  return {
    /** Returns a function: call it when the connection has ended by itself. */
    track(caller: Caller, close: () => void): () => void {
      const entry = { caller, close }
      const theirs = [...open].filter((other) => other.caller.id === caller.id)
      open.add(entry)
      if (theirs.length >= MAX_PER_PERSON) theirs[0]?.close()
      void look(entry)
      return () => open.delete(entry)
    },
    endPerson: (person: PersonId) => end(({ id }) => id === person),
    endSession: (session: Buffer) => end(({ by }) => by.type === 'session' && by.session.equals(session)),
    endToken: (token: TokenId) => end(({ by }) => by.type === 'token' && by.token === token),
    endAll() {
      clearInterval(timer)
      end(() => true)
    },
  }
}
export type LiveConnections = ReturnType<typeof createLiveConnections>
