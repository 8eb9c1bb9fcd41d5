import { fork } from 'node:child_process'
import { join } from 'node:path'
import type { z } from 'zod'

/** Starts a program of this folder and resolves with the first thing it says over IPC. */
export function startProgram<T>(file: string, said: z.ZodType<T>, environment: NodeJS.ProcessEnv = {}) {
  const child = fork(join(import.meta.dirname, file), [], { env: { ...process.env, ...environment } })
  return new Promise<{ ports: T; pid: number; close: () => void }>((resolve, reject) => {
    child.once('message', (message) => {
      try {
        resolve({ ports: said.parse(message), pid: child.pid ?? 0, close: () => child.kill() })
      } catch (error) {
        reject(error)
      }
    })
    child.once('exit', (code) => reject(new Error(`${file} ended with ${code}`)))
  })
}
