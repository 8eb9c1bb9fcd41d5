import { readdirSync, readFileSync } from 'node:fs'

/** Processes whose command line names `part` and whose command line or environment has each of `marks`. */
export function pidsOf(part: string, ...marks: string[]): number[] {
  const read = (pid: string, file: string) => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, 'utf8')
    } catch {
      return ''
    }
  }
  const isMarked = (pid: string, mark: string) =>
    read(pid, 'cmdline').includes(mark) || read(pid, 'environ').split('\0').includes(mark)
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && read(pid, 'cmdline').includes(part))
    .filter((pid) => marks.every((mark) => isMarked(pid, mark)))
    .map(Number)
}

/** Those of the platform with this state folder. */
export const pidsIn = (home: string, part: string): number[] => [
  ...new Set([...pidsOf(part, `BACKLOT_HOME=${home}`), ...pidsOf(part, home)]),
]
