import type { Append } from '../../audit/append.ts'
import { auditEvent } from '../../audit/event.ts'
import type { SandboxId } from '../../contract/ids.ts'
import type { ExecRequest, ExecResult } from '../../contract/prototypes.ts'
import { ApiError } from '../../errors.ts'
import type { Store } from '../../store/connect.ts'
import type { AskedBy } from '../http/route.ts'
import type { GatewayClient } from '../nodes/gateway.ts'
import { claimedSandbox } from './claimed.ts'

interface ExecDeps {
  db: Store
  append: Append
  gateway: Pick<GatewayClient, 'exec'>
}

/**
 * Runs a command in a sandbox. The start is committed before it runs, and the end before its output is returned. It is killed
 * when `signal` fires: its caller has left.
 */
export async function runCommand(
  { db, append, gateway }: ExecDeps,
  id: SandboxId,
  command: ExecRequest,
  asked: AskedBy,
  signal: AbortSignal,
): Promise<ExecResult> {
  const claimed = await claimedSandbox(db, id)
  const shared = { ...asked, ...claimed }
  // audit/event.ts shortens it and notes how much was cut off.
  const detail = { argv: command.argv, cwd: command.cwd, stdin: command.stdin ?? null }
  await append(auditEvent('exec.started', { ...shared, decision: 'allow', reason: 'own-sandbox', detail }))
  const startedAt = performance.now()
  const recordEnd = (
    reason: 'ended' | 'client-closed' | 'outcome-unknown',
    exitCode: number | null,
    truncated: boolean,
  ) => {
    const durationMs = Math.round(performance.now() - startedAt)
    return append(
      auditEvent('exec.ended', { ...shared, decision: 'info', reason, detail: { exitCode, durationMs, truncated } }),
    )
  }
  try {
    const result = await gateway.exec(id, command, signal)
    await recordEnd('ended', result.exitCode, result.truncated)
    return result
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    await recordEnd(signal.aborted ? 'client-closed' : 'outcome-unknown', null, false)
    throw error
  }
}
