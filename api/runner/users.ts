import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { SandboxUsers } from '../contract/programs/runner.ts'

/** passwd(5) and group(5) of one sandbox. Names for its three users, `root` and `nobody`; nobody can sign in as any of them. */
export function userFiles({ porter, maker, witness }: SandboxUsers): { passwd: string; group: string } {
  const users: [name: string, id: number, home: string, shell: string][] = [
    ['root', 0, '/', '/usr/sbin/nologin'],
    ['nobody', 65_534, '/nonexistent', '/usr/sbin/nologin'],
    ['porter', porter, '/', '/usr/sbin/nologin'],
    ['maker', maker, '/home/maker', '/bin/bash'],
    ['witness', witness, '/', '/usr/sbin/nologin'],
  ]
  // Under gVisor the porter is root: the second name of one number would only confuse.
  const named = users.filter(([name, id]) => name !== 'porter' || id !== 0)
  return {
    passwd: named.map(([name, id, home, shell]) => `${name}:x:${id}:${id}::${home}:${shell}\n`).join(''),
    group: [...named.map(([name, id]) => `${name}:x:${id}:\n`), 'tty:x:5:\n'].join(''),
  }
}

/** Those files on the host, in `<root>/<id>.users/`, for the engine to mount read-only. */
export function createUserFiles(root: string) {
  const directoryOf = (id: string) => join(root, `${id}.users`)
  return {
    /** Gives the directory. */
    async write(id: string, users: SandboxUsers): Promise<string> {
      await mkdir(directoryOf(id), { recursive: true, mode: 0o755 })
      for (const [name, text] of Object.entries(userFiles(users)))
        await writeFile(join(directoryOf(id), name), text, { mode: 0o644 })
      return directoryOf(id)
    },
    remove: (id: string) => rm(directoryOf(id), { recursive: true, force: true }),
  }
}
export type UserFiles = ReturnType<typeof createUserFiles>
