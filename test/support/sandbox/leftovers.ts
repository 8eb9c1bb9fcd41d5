import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import Docker from 'dockerode'
import { homeLabel, labels } from '../../../api/runner/container.ts'

/** Removes every container that belongs to a state folder, and unmounts what is mounted below it. */
export async function removeSandboxesOf(home: string): Promise<void> {
  const docker = new Docker()
  const label = [`${labels.home}=${homeLabel(home)}`]
  const containers = await docker.listContainers({ all: true, filters: { label } })
  for (const { Id } of containers) await docker.getContainer(Id).remove({ force: true, v: true })
  const mounts = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((path) => path.startsWith(`${home}/`))
  for (const path of mounts.toReversed()) await promisify(execFile)('umount', ['--detach-loop', '--lazy', path])
}
