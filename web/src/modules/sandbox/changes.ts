import type { ContainerChanges } from '../../../../api/contract/in-force.ts'
import { sizeWords } from './size.ts'

type Moved<K extends keyof ContainerChanges> = NonNullable<ContainerChanges[K]>
type Said = { readonly [K in keyof Required<ContainerChanges>]: (moved: Moved<K>) => string }

const amount = (what: string, from: string | number, to: string | number) => `${what}: ${to} instead of ${from}`

/** Each change of a policy in a PM's words. One without an entry does not compile. */
const said: Said = {
  'tools.allow': ({ from, to }) => `New tools: ${to.filter((tool) => !from.includes(tool)).join(', ')}`,
  'tools.workspaceExec': () => 'Programs that are built or installed in the workspace can run',
  'sandbox.runtime': ({ to }) => `Isolation: ${to === 'runsc' ? 'gVisor' : to}`,
  'sandbox.cpus': ({ from, to }) => amount('Processors', from, to),
  'sandbox.memoryBytes': ({ from, to }) => amount('Memory', sizeWords(from), sizeWords(to)),
  'sandbox.diskBytes': ({ from, to }) => amount('Disk', sizeWords(from), sizeWords(to)),
  'sandbox.pids': ({ from, to }) => amount('Processes', from, to),
  'sandbox.unsafeUnlimited': () => 'Memory, processors and processes may not be limited',
  'sandbox.requirePatchedRuntime': () => 'A container runtime with known holes is accepted',
}

/** What a workspace gets at its next start, one line for each. */
export function changeWords(changes: ContainerChanges): string[] {
  const word = <K extends keyof ContainerChanges>(field: K, moved: ContainerChanges[K]) =>
    moved === undefined ? [] : [said[field](moved)]
  return [
    ...word('tools.allow', changes['tools.allow']),
    ...word('tools.workspaceExec', changes['tools.workspaceExec']),
    ...word('sandbox.memoryBytes', changes['sandbox.memoryBytes']),
    ...word('sandbox.cpus', changes['sandbox.cpus']),
    ...word('sandbox.diskBytes', changes['sandbox.diskBytes']),
    ...word('sandbox.pids', changes['sandbox.pids']),
    ...word('sandbox.runtime', changes['sandbox.runtime']),
    ...word('sandbox.unsafeUnlimited', changes['sandbox.unsafeUnlimited']),
    ...word('sandbox.requirePatchedRuntime', changes['sandbox.requirePatchedRuntime']),
  ]
}
