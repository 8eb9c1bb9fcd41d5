import { readFileSync } from 'node:fs'

/** What a child needs to be somebody else, with none of the porter's rights. */
export interface User {
  /** Options of setpriv(1). */
  become: string[]
}

/**
 * Three users, this sandbox's own and no other's. The porter keeps SETUID and SETGID for one thing: to start programs as
 * the maker, and to signal them. The maker is the agent's user. The witness has the maker's rights and runs the proof, so
 * that no program of the maker can touch what proves.
 *
 * @throws Error when the container does not name them: then nothing is started at all.
 */
export function createUsers(environment: Record<string, string | undefined>) {
  const maker = numberOf(environment, 'BACKLOT_MAKER')
  const witness = numberOf(environment, 'BACKLOT_WITNESS')
  const own = process.geteuid?.() ?? maker
  if (new Set([maker, witness, own]).size < 3) throw new Error('porter, maker and witness must be three users')
  // gVisor has no ambient capabilities, and its prctl refuses to drop what it does not know.
  const ambient = readFileSync('/proc/self/status', 'utf8').includes('\nCapAmb:') ? ['--ambient-caps=-all'] : []
  const user = (id: number): User => ({
    become: ['--reuid', String(id), '--regid', String(id), '--clear-groups', '--inh-caps=-all', ...ambient],
  })

  return {
    maker: user(maker),
    witness: user(witness),
    /**
     * Runs `work`, which must not wait for anything, with the maker's effective user id (credentials(7)): kill(2) then reaches
     * the maker's processes, and a terminal that is opened is the maker's. Real and saved ids stay the porter's, so the maker
     * can neither signal nor trace it meanwhile; and it needs no new process, which a sandbox at its limit would not get.
     */
    asMaker<T>(work: () => T): T {
      process.seteuid?.(maker)
      try {
        return work()
      } finally {
        process.seteuid?.(own)
      }
    },
  }
}

function numberOf(environment: Record<string, string | undefined>, name: string): number {
  const number = Number(environment[name])
  if (!Number.isSafeInteger(number) || number <= 0) throw new Error(`${name} is not a user id`)
  return number
}
