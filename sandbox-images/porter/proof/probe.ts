import { execFile } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { z } from 'zod'
import type { probePlan } from '../../../api/contract/programs/porter.ts'
import type { probeResult } from '../../../api/contract/prototypes.ts'
import { tryNetwork } from './network.ts'

type Plan = z.infer<typeof probePlan>
type Result = z.infer<typeof probeResult>

/** In the image it stands beside main.js. */
const KERNEL_PROBES = join(dirname(fileURLToPath(import.meta.url)), 'kernel.py')
const TIMEOUT_MS = 15_000

/**
 * Tries what must not work, and the one thing that must; all at once. What the kernel refuses is tried by python3 as the
 * witness, isolated (-I -S), or it would import what was left in the workspace.
 *
 * @param asWitness argv → argv that runs it with the maker's rights, as a user whom the maker cannot touch.
 */
export async function probe(plan: Plan, asWitness: (argv: string[]) => string[]): Promise<Result[]> {
  const network = tryNetwork(plan).map(async ([name, expected, outcome]): Promise<Result> => {
    const result = await outcome.catch((error: unknown) => ({ got: 'error' as const, detail: messageOf(error) }))
    return { probe: name, expected, ...result }
  })
  const script = [
    '/usr/bin/python3',
    '-I',
    '-S',
    KERNEL_PROBES,
    String(process.pid),
    ...(plan.workspaceExec ? [] : ['noexec']),
  ]
  const [kernel, ...rest] = await Promise.all([tryKernel(asWitness(script)), ...network])
  return [...rest, ...kernel]
}

/** A script that did not run says nothing, and what says nothing does not pass (policy/proof.ts). */
function tryKernel([file = '', ...args]: string[]): Promise<Result[]> {
  return new Promise((resolve) => {
    execFile(
      file,
      args,
      { cwd: '/', timeout: TIMEOUT_MS, env: { PATH: '/usr/bin:/bin', LANG: 'C.UTF-8' } },
      (error, stdout, stderr) => {
        const broken = (detail: string): Result[] => [{ probe: 'kernel', expected: 'refused', got: 'error', detail }]
        if (error) return resolve(broken((stderr.trim() || error.message).slice(-200)))
        const found = stdout.trimEnd().split('\n').map(resultIn)
        if (found.includes(null)) resolve(broken(`unreadable: ${stdout.slice(0, 150)}`))
        else resolve(found.filter((result) => result !== null))
      },
    )
  })
}

/** A line of kernel.py; null when it is none. */
function resultIn(line: string): Result | null {
  const [probe = '', got, detail] = line.split('\t')
  if (detail === undefined || (got !== 'refused' && got !== 'passed' && got !== 'error')) return null
  return { probe, expected: 'refused', got, detail }
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))
