import { appendIn } from '../../audit/append.ts'
import { auditEvent } from '../../audit/event.ts'
import type { PrototypeId, SandboxId } from '../../contract/ids.ts'
import { notFound } from '../../errors.ts'
import type { Store } from '../../store/connect.ts'
import type { AskedBy } from '../http/route.ts'
import { lockSandbox, transitionTo } from '../sandboxes/transition.ts'
import { findPrototype } from './read.ts'

/** The prototype, its sandbox's last state and their events, in one transaction. Resolves to the sandbox, whose container is still there. */
export function removePrototype(db: Store, id: PrototypeId, asked: AskedBy): Promise<SandboxId> {
  return db.transaction().execute(async (trx) => {
    const view = await findPrototype(trx, id)
    const row = view ? await lockSandbox(trx, view.sandbox.id) : null
    if (!view || !row) throw notFound()
    await trx.updateTable('prototypes').set({ removed_at: new Date() }).where('id', '=', id).execute()
    const shared = { ...asked, person: row.owner_id, prototype: id, sandbox: row.id, reason: 'asked-for' } as const
    await appendIn(
      trx,
      auditEvent('prototype.removed', { ...shared, decision: 'allow', detail: { title: view.title } }),
    )
    if (row.state !== 'removed') await transitionTo(trx, row, 'removed', shared)
    return row.id
  })
}
