import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { Readable } from 'node:stream'
import type { ExecRequest, ExecResult } from '../../../api/contract/prototypes.ts'
import type { ProcessesOptions } from './processes.ts'

/** EXEC_OUTPUT_BYTES of contract/prototypes.ts: more is no answer. */
const OUTPUT_LIMIT_BYTES = 1_048_576
/** A background job may hold the pipes open after the program itself has ended: it is waited for this long, in ms. */
const LINGER_MS = 200
const TIMED_OUT = 124
const NOT_STARTED = 127

function collect(stream: Readable) {
  const chunks: Buffer[] = []
  let bytes = 0
  let truncated = false
  stream.on('data', (chunk: Buffer) => {
    const room = OUTPUT_LIMIT_BYTES - bytes
    if (chunk.length > room) truncated = true
    if (room > 0) chunks.push(chunk.subarray(0, room))
    bytes += Math.min(chunk.length, Math.max(room, 0))
  })
  return { text: () => Buffer.concat(chunks).toString('utf8'), truncated: () => truncated }
}

/**
 * Runs a program to its end. After the timeout, or when `gone` fires, its whole process group is killed.
 * A program that cannot be started is a result (127 and a sentence), not an error.
 */
export function exec(
  request: ExecRequest,
  { launch, environment, signal }: ProcessesOptions,
  gone: AbortSignal,
): Promise<ExecResult> {
  return new Promise((resolve) => {
    const [file = '', ...args] = launch(request.argv, request.cwd)
    // `detached` gives the child its own process group (setsid), so that the kill below reaches its children too.
    const child = spawn(file, args, { cwd: '/', env: environment, detached: true })
    const stdout = collect(child.stdout)
    const stderr = collect(child.stderr)
    let timedOut = false

    const killGroup = () => {
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
        try {
          signal(child.pid, 'SIGKILL')
        } catch {
          // The group is already empty.
        }
      }
    }
    const timer = setTimeout(() => {
      timedOut = true
      killGroup()
    }, request.timeoutMs)
    gone.addEventListener('abort', killGroup, { once: true })
    // Whoever asked may have left before there was anything to kill.
    if (gone.aborted) killGroup()

    const finish = (exitCode: number, note = '') => {
      clearTimeout(timer)
      gone.removeEventListener('abort', killGroup)
      child.stdout.destroy()
      child.stderr.destroy()
      resolve({
        exitCode,
        stdout: stdout.text(),
        stderr: (stderr.text() + note).slice(0, OUTPUT_LIMIT_BYTES),
        truncated: stdout.truncated() || stderr.truncated(),
      })
    }
    child.on('error', (error) => finish(NOT_STARTED, `${request.argv[0]}: ${error.message}\n`))
    child.on('exit', (code, name) => {
      const exitCode = timedOut ? TIMED_OUT : name === null ? (code ?? NOT_STARTED) : 128 + constants.signals[name]
      const linger = setTimeout(() => finish(exitCode), LINGER_MS)
      const stay = () => linger.refresh()
      child.stdout.on('data', stay)
      child.stderr.on('data', stay)
      child.on('close', () => {
        clearTimeout(linger)
        finish(exitCode)
      })
    })
    // EPIPE: the program did not want its input.
    child.stdin.on('error', () => {})
    child.stdin.end(request.stdin ?? '')
  })
}
