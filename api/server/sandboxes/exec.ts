import type { Appender } from '../../audit/append.ts'
import { auditEvent } from '../../audit/event.ts'
import type { SandboxId } from '../../contract/ids.ts'
import type { ExecRequest, ExecResult } from '../../contract/prototypes.ts'
import { ApiError } from '../../errors.ts'
import type { Store } from '../../store/connect.ts'
import type { Caller } from '../http/route.ts'
import type { GatewayClient } from '../nodes/gateway.ts'
import { claimedSandbox } from './claimed.ts'

export type Append = Appender['append']

interface ExecDeps {
  db: Store
  append: Append
  gateway: Pick<GatewayClient, 'exec'>
}

/** Runs a command in a sandbox: that it starts is committed before it does, and how it ended before its output is given. */
export async function runCommand(
  { db, append, gateway }: ExecDeps,
  id: SandboxId,
  wish: ExecRequest,
  caller: Caller,
  correlation: string,
): Promise<ExecResult> {
  const claimed = await claimedSandbox(db, id)
  const shared = { actor: { type: 'person', id: caller.id }, person: caller.id, ...claimed, correlation } as const
  // Cut to size by audit/event.ts, which says how much was cut off.
  const detail = { argv: wish.argv, cwd: wish.cwd, stdin: wish.stdin ?? null }
  await append(auditEvent('exec.started', { ...shared, decision: 'allow', reason: 'own-sandbox', detail }))
  const startedAt = performance.now()
  const ended = (reason: 'ended' | 'outcome-unknown', exitCode: number | null, truncated: boolean) => {
    const durationMs = Math.round(performance.now() - startedAt)
    return append(
      auditEvent('exec.ended', { ...shared, decision: 'info', reason, detail: { exitCode, durationMs, truncated } }),
    )
  }
  try {
    const result = await gateway.exec(id, wish)
    await ended('ended', result.exitCode, result.truncated)
    return result
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    await ended('outcome-unknown', null, false)
    throw error
  }
}
