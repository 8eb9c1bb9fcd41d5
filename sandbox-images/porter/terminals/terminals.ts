import type { z } from 'zod'
import type { porterTerminal, porterTerminalOpen } from '../../../api/contract/programs/porter.ts'
import { createHeld } from './held.ts'
import { openPty } from './pty.ts'

type Open = z.input<typeof porterTerminalOpen>
type Info = z.infer<typeof porterTerminal>

export type TerminalsOptions = {
  wrap(argv: string[]): string[]
  environment: Record<string, string>
  /** What runs, and where, when the request does not say. */
  shell: string[]
  cwd: string
}

/** After the hang-up, a program that ignores it gets this long, in ms. */
const KILL_AFTER_MS = 500

function openTerminal(request: Open, { wrap, environment, shell, cwd }: TerminalsOptions) {
  let size = { cols: request.cols, rows: request.rows }
  let exitCode: number | null = null
  let running = true
  const pty = openPty(
    {
      argv: wrap(request.argv ?? shell),
      cwd: request.cwd ?? cwd,
      environment: { ...environment, TERM: 'xterm-256color', COLORTERM: 'truecolor', BACKLOT_TERMINAL: request.name },
      ...size,
    },
    (bytes) => output.append(bytes),
    (code) => {
      running = false
      exitCode = code
      output.end()
    },
  )
  const output = createHeld(pty)

  return {
    output,
    input: pty.input,
    descriptor: pty.descriptor,
    info: (): Info => ({
      name: request.name,
      id: request.id,
      ...size,
      offset: output.offset,
      oldest: output.oldest,
      running,
      exitCode,
    }),
    resize(cols: number, rows: number) {
      size = { cols, rows }
      if (running) pty.resize(cols, rows)
    },
    kill() {
      pty.kill('SIGHUP')
      setTimeout(() => pty.kill('SIGKILL'), KILL_AFTER_MS).unref()
      // Whatever is left on the other side sees the terminal go away.
      pty.input.destroy()
    },
  }
}
export type Terminal = ReturnType<typeof openTerminal>

/** The terminals by name. One that has ended stays, with its output, until it is removed or opened again. */
export function createTerminals(options: TerminalsOptions) {
  const byName = new Map<string, Terminal>()
  return {
    /** Finds the one of that name, or opens it. An ended one is replaced when another id is asked for. */
    open(request: Open): Terminal {
      const found = byName.get(request.name)
      if (found && (found.info().running || found.info().id === request.id)) return found
      const terminal = openTerminal(request, options)
      byName.set(request.name, terminal)
      return terminal
    },
    /** Descriptors that a program which is started now would inherit, and must not: they are other people's terminals. */
    descriptors: () => Array.from(byName.values(), (terminal) => terminal.descriptor()).filter((fd) => fd !== null),
    get: (name: string) => byName.get(name),
    list: () => Array.from(byName.values(), (terminal) => terminal.info()),
    remove(name: string) {
      byName.get(name)?.kill()
      byName.delete(name)
    },
  }
}
export type Terminals = ReturnType<typeof createTerminals>
