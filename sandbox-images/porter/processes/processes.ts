import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { Writable } from 'node:stream'
import type { z } from 'zod'
import type { processInfo, processStart } from '../../../api/contract/programs/porter.ts'
import { createHeld, type Held } from '../terminals/held.ts'
import type { Launch } from './launch.ts'

type Start = z.input<typeof processStart>
type Info = z.infer<typeof processInfo>

/** What was sent stays readable for this many bytes, so that a gateway which restarts can go back to its last message. */
const KEEP_BYTES = 1_048_576

export type HeldProcess = {
  stdin: Writable
  stdout: Held
  stderr: Held
  info(): Info
  kill(): void
}

export type ProcessesOptions = {
  launch: Launch
  environment: Record<string, string>
  /** Runs what may not be done as the porter as the programs' own user; it must not wait for anything. */
  asOwner<T>(work: () => T): T
  /** Sends a signal to a process group; throws what kill(2) throws. */
  signal(group: number, name: NodeJS.Signals): void
}

function hold(child: ChildProcess, pid: number, signal: ProcessesOptions['signal']): HeldProcess | null {
  const { stdin, stdout, stderr } = child
  if (!stdin || !stdout || !stderr) return null
  const held = [stdout, stderr].map((pipe) => {
    const output = createHeld(pipe, { keepBytes: KEEP_BYTES, unreleasedBytes: 2 * KEEP_BYTES })
    pipe.on('data', (bytes: Buffer) => output.append(bytes))
    pipe.on('end', () => output.end())
    pipe.on('error', () => output.end())
    pipe.pause()
    return output
  })
  const [out, err] = held
  if (!out || !err) return null
  stdin.on('error', () => {})
  return {
    stdin,
    stdout: out,
    stderr: err,
    info: () => ({
      pid,
      running: child.exitCode === null && child.signalCode === null,
      exitCode: child.signalCode === null ? child.exitCode : 128 + constants.signals[child.signalCode],
      stdoutOffset: out.offset,
      stderrOffset: err.offset,
    }),
    kill() {
      try {
        signal(pid, 'SIGKILL')
      } catch {
        // The group is already empty.
      }
    },
  }
}

/** Programs whose stdin, stdout and stderr stay open while the gateway comes and goes. */
export function createProcesses({ launch, environment, signal }: ProcessesOptions) {
  const byPid = new Map<number, HeldProcess>()
  return {
    /** @throws Error with the reason of spawn(2) when the program cannot be started. */
    async start(request: Start): Promise<HeldProcess> {
      const [file = '', ...args] = launch(request.argv, request.cwd)
      const child = spawn(file, args, {
        cwd: '/',
        env: { ...environment, ...request.environment },
        detached: true,
      })
      await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject))
      const held = child.pid === undefined ? null : hold(child, child.pid, signal)
      if (!held) throw new Error('The program was started without pipes.')
      byPid.set(held.info().pid, held)
      return held
    },
    get: (pid: number) => byPid.get(pid),
    remove(pid: number) {
      byPid.get(pid)?.kill()
      byPid.delete(pid)
    },
  }
}
export type Processes = ReturnType<typeof createProcesses>
