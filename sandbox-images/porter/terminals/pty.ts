import { createRequire } from 'node:module'
import { ReadStream } from 'node:tty'

/**
 * The native half of node-pty, without its JavaScript half: that one destroys the socket 200 ms after the child ended,
 * and output that waits for a recorder would be lost. Arguments are those of src/unix/pty.cc in node-pty 1.1.
 */
type NativePty = {
  fork(
    file: string,
    args: string[],
    environment: string[],
    cwd: string,
    cols: number,
    rows: number,
    uid: number,
    gid: number,
    utf8: boolean,
    helperPath: string,
    onExit: (exitCode: number, signal: number) => void,
  ): { fd: number; pid: number; pty: string }
  resize(fd: number, cols: number, rows: number): void
}

const nativePty: NativePty = createRequire(import.meta.url)(`@lydell/node-pty-linux-${process.arch}/pty.node`)

export type PtyOptions = {
  argv: string[]
  cwd: string
  environment: Record<string, string>
  cols: number
  rows: number
}

/** How long a shell's background jobs may hold the terminal open after the shell itself has ended, in ms. */
const LINGER_MS = 300

/**
 * Starts a program on a new terminal; nothing is read before the first `resume`. `onEnd` comes once, after the last
 * `onData`; its exit code is 128 + signal when a signal ended the program. Throws what fork(2) throws (EAGAIN at the pids
 * limit).
 *
 * Longer than 60 lines because the exit, the close and the reading, each of which may come last, are one state.
 */
export function openPty(options: PtyOptions, onData: (bytes: Buffer) => void, onEnd: (exitCode: number) => void) {
  const [file = '/bin/sh', ...args] = options.argv
  const environment = Object.entries(options.environment).map(([name, value]) => `${name}=${value}`)
  let exitCode: number | null = null
  let closed = false
  let reading = false
  let linger: NodeJS.Timeout | undefined

  const { fd, pid } = nativePty.fork(
    file,
    args,
    environment,
    options.cwd,
    options.cols,
    options.rows,
    -1,
    -1,
    true,
    '',
    (code, signal) => {
      exitCode = signal > 0 ? 128 + signal : code
      endIfOver()
    },
  )
  const socket = new ReadStream(fd)
  socket.on('data', (bytes: Buffer) => {
    linger?.refresh()
    onData(bytes)
  })
  socket.pause()
  // EIO is how Linux says that the last holder of the other side has closed it.
  socket.on('error', () => socket.destroy())
  socket.on('close', () => {
    closed = true
    endIfOver()
  })

  function endIfOver() {
    if (exitCode === null) return
    if (closed) {
      clearTimeout(linger)
      onEnd(exitCode)
      return
    }
    if (reading) linger ??= setTimeout(() => socket.destroy(), LINGER_MS)
  }

  return {
    pid,
    input: socket,
    /** The master's descriptor, which node-pty leaves open across exec(2); null when it is closed. */
    descriptor: () => (closed ? null : fd),
    pause() {
      if (!reading) return
      reading = false
      clearTimeout(linger)
      linger = undefined
      socket.pause()
    },
    resume() {
      if (reading) return
      reading = true
      socket.resume()
      endIfOver()
    },
    resize(cols: number, rows: number) {
      if (!closed) nativePty.resize(fd, cols, rows)
    },
    kill(signal: NodeJS.Signals) {
      if (exitCode !== null) return
      try {
        process.kill(-pid, signal)
      } catch {
        // It ended between the check and the kill.
      }
    },
  }
}
