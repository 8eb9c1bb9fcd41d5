import { spawn } from 'node:child_process'
import { join, resolve } from 'node:path'
import { ownEnvironment } from './environment.ts'

const root = resolve(import.meta.dirname, '..', '..', '..')
export type Program = 'start.mjs' | 'backlot.mjs'

/** Runs a program of api/bin to its end, as a person would. `env` on top of the test's own. */
export function runProgram(file: Program, argv: readonly string[], env: NodeJS.ProcessEnv) {
  return new Promise<{ code: number | null; stdout: string; stderr: string }>((settle) => {
    const child = spawn(process.execPath, [join(root, 'api', 'bin', file), ...argv], {
      cwd: root,
      env: ownEnvironment(env),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk
    })
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk
    })
    child.on('close', (code) => settle({ code, stdout, stderr }))
  })
}
