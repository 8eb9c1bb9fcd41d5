import type { DoctorReport } from '../../contract/programs/runner.ts'
import { createRunnerClient } from '../../server/nodes/runner.ts'

/** What the doctor finds that nobody should work on without having read it: a runtime that sandboxes are known to escape from. */
export function runtimeWarnings(checks: DoctorReport['checks']): string[] {
  return checks.flatMap(({ id, status, detail, fix }) =>
    id === 'runc' && status !== 'ok' && fix !== null ? [`${detail} ${fix}`] : [],
  )
}

/** None when the runner does not say: the start itself tells what is wrong with it. */
export async function readWarnings(runnerSocket: string): Promise<string[]> {
  const runner = createRunnerClient(runnerSocket)
  try {
    return runtimeWarnings((await runner.doctor()).checks)
  } catch {
    return []
  } finally {
    await runner.close()
  }
}
