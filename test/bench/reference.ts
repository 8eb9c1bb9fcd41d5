/** What our figures are compared with: programs of others. One that is missing costs its figure, never the run. */
import { onPath } from '../../api/bin/prepare/command.mjs'
import { aptInstallKnown, aptUpdate, isDebianRoot } from '../../api/bin/prepare/debian.mjs'

/** Command → Debian package. */
const PROGRAMS: Record<string, string> = { tinyproxy: 'tinyproxy', docker: 'docker-cli' }

/** A measured value and what it is of, or why there is none. */
export type Reference = { value: number; against: string } | { missing: string }
export type Attempt<T> = { done: T } | { missing: string }

/** Installs what is missing where that is possible without asking, as `npm test` does. Never rejects. */
export async function installPrograms(note: (text: string) => void): Promise<void> {
  const packages = Object.entries(PROGRAMS).flatMap(([command, name]) => (onPath(command) === null ? [name] : []))
  if (packages.length === 0 || !isDebianRoot()) return
  try {
    await aptUpdate(note)
    await aptInstallKnown(packages, note)
  } catch (error) {
    note(`${packages.join(', ')}: ${firstLine(error)}`)
  }
}

/** Runs `measure`, which needs `program`. Whatever goes wrong in it becomes one line. */
export async function attempt<T>(program: string, measure: () => Promise<T>): Promise<Attempt<T>> {
  if (onPath(program) === null)
    return { missing: `${program} is not installed; on Debian: sudo apt-get install ${PROGRAMS[program] ?? program}` }
  try {
    return { done: await measure() }
  } catch (error) {
    return { missing: `${program}: ${firstLine(error)}` }
  }
}

/** One number of what was attempted. */
export const reference = <T>(attempted: Attempt<T>, against: string, pick: (measured: T) => number): Reference =>
  'missing' in attempted ? attempted : { value: pick(attempted.done), against }

/** Whether the aim is met; null where there is nothing to hold it against. */
export const met = (compared: Reference, holds: (value: number) => boolean): boolean | null =>
  'missing' in compared ? null : holds(compared.value)

const firstLine = (error: unknown) => (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''
