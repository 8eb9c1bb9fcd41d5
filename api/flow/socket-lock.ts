import { rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

const POLL_MS = 40

/**
 * Whether a process listens on that unix socket. The kernel knows: a process that hangs, or was stopped, still does; one
 * that is gone does not, whatever file it left.
 */
export function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy()
      resolve(true)
    })
    // EAGAIN: nobody takes connections any more, and so many wait that no other can. It is there.
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'EAGAIN'))
  })
}

/**
 * Something that one process at a time may hold: it is let go of by `release`, or when the process ends, however it ends.
 * Waits for a holder before us; rejects when it still holds it after `patienceMs`. Whoever starts holders starts one at a time.
 */
export async function lockSocket(path: string, patienceMs: number): Promise<{ release(): Promise<void> }> {
  for (const until = Date.now() + patienceMs; await isListening(path); await delay(POLL_MS))
    if (Date.now() > until) throw new Error(`another process still holds ${path}; "fuser ${path}" says which`)
  await rm(path, { force: true })
  const server = createServer((socket) => socket.destroy())
  await new Promise<void>((listening, failed) => server.once('error', failed).listen(path, listening))
  return { release: () => new Promise((done) => void server.close(() => done())) }
}
