import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** How much of a failing command's output is kept for the message, in characters. */
const TAIL = 2_000

/**
 * Runs a command to its end. Rejects with the end of its output when it fails.
 *
 * @param {string} file
 * @param {string[]} argv
 * @param {{ cwd?: string, environment?: NodeJS.ProcessEnv, note?: (line: string) => void, timeoutMs?: number }} [options]
 * @returns {Promise<string>} its output, stdout and stderr together.
 */
export function run(file, argv, { cwd, environment = process.env, note, timeoutMs = 900_000 } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, argv, { cwd, env: environment, stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs })
    let output = ''
    const take = (/** @type {Buffer} */ chunk) => {
      output += chunk.toString('utf8')
      note?.(chunk.toString('utf8'))
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code === 0) resolve(output)
      else
        reject(new Error(`${[file, ...argv].join(' ')} ended with ${signal ?? code}:\n${output.slice(-TAIL).trim()}`))
    })
  })
}

/** The first file of that name on the PATH, or null. @param {string} name */
export function onPath(name) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/bin']
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file)) ?? null
}
