import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { z } from 'zod'
import { CannotStart } from '../prepare/steps.mjs'

const owner = z.object({ pid: z.int().positive(), started: z.string() })

/** When a process began (field 22 of /proc/<pid>/stat): a pid alone may have been given to another since. Empty elsewhere than Linux. */
function startOf(pid: number): string {
  const file = `/proc/${pid}/stat`
  if (!existsSync(file)) return ''
  return readFileSync(file, 'utf8').split(') ').at(-1)?.split(' ')[19] ?? ''
}

function isAlive(pid: number, started: string): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  return startOf(pid) === started
}

/**
 * Makes this launcher the only one of a state folder.
 *
 * @returns a function that gives the folder up.
 * @throws CannotStart while another one runs; what a dead one left is taken over.
 */
export function lock(file: string): () => void {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const mine = { pid: process.pid, started: startOf(process.pid) }
      writeFileSync(file, JSON.stringify(mine), { flag: 'wx', mode: 0o600 })
      return () => rmSync(file, { force: true })
    } catch (error) {
      if (!existsSync(file)) throw error
    }
    const held = readOwner(file)
    if ((held !== null && isAlive(held.pid, held.started)) || attempt > 2)
      throw new CannotStart(
        `Backlot is already running with this state folder (process ${held?.pid ?? 'unknown'}). Stop it first, or start another one with its own: BACKLOT_HOME=<folder> npm start -- --port 4601`,
      )
    rmSync(file, { force: true })
  }
}

function readOwner(file: string) {
  try {
    return owner.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    return null
  }
}
