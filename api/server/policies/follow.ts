import type { Transaction } from 'kysely'
import { z } from 'zod'
import { type SandboxId, sandboxId } from '../../contract/ids.ts'
import type { PolicyInForce } from '../../contract/policy.ts'
import { type SandboxState, sandboxState } from '../../contract/prototypes.ts'
import type { Reason } from '../../contract/reasons.ts'
import { type PolicyChange, policyChange } from '../../policy/change.ts'
import type { Database } from '../../store/tables.ts'
import { type Cause, lockSandbox, runtimeOf, transitionTo } from '../sandboxes/transition.ts'
import { readPolicy } from './read.ts'

type Rebuild = PolicyChange['rebuild']
/**
 * `takes`: its container is, or will be, as the new version wants it. `waits`: its container stays what it is, and is judged as
 * that. The others get another state: nobody worked in it yet; somebody did; it is asleep.
 */
export type Following = 'takes' | 'waits' | 'begins-again' | 'is-rebuilt' | 'is-stopped'

/** No container runs: the next one is made by the newest version, whatever that changes. */
const atRest = { none: 'takes', narrows: 'takes', widens: 'takes' } as const
const underWay = { none: 'takes', narrows: 'begins-again', widens: 'begins-again' } as const
const inUse = { none: 'takes', narrows: 'is-rebuilt', widens: 'waits' } as const

type Present = Exclude<SandboxState, 'removed'>
/** What becomes of a sandbox when its policy gets a new version: its state × what the version means for its container. */
export const following: Record<Present, Record<Rebuild, Following>> = {
  building: atRest,
  starting: underWay,
  proving: underWay,
  ready: inUse,
  claimed: inUse,
  /** Nobody waits for it: it is made anew when somebody starts it. */
  paused: { ...inUse, narrows: 'is-stopped' },
  stopped: atRest,
  failed: atRest,
  lost: atRest,
}

type Move = { to: SandboxState; reason: Reason; detail: string | null }
const moves: Record<Exclude<Following, 'takes' | 'waits'>, Move> = {
  'begins-again': { to: 'building', reason: 'policy-change', detail: null },
  'is-rebuilt': { to: 'building', reason: 'policy-narrowed', detail: null },
  'is-stopped': {
    to: 'stopped',
    reason: 'policy-narrowed',
    detail: 'Your admin changed the rules of this workspace. Start it again to go on; your files stay.',
  },
}

const rows = z.array(z.object({ id: sandboxId, state: sandboxState.exclude(['removed']), made: z.int() }))

export interface Followed {
  /** Stopped by the commit, and to be made anew right after it. */
  rebuild: SandboxId[]
  waiting: SandboxId[]
}

/** Holds every sandbox of a policy until the transaction ends, so that none can start by an older version meanwhile. */
export async function lockSandboxesOf(trx: Transaction<Database>, policy: string): Promise<void> {
  await ofPolicy(trx, policy).select('id').orderBy('id').forUpdate().execute()
}

/**
 * Makes `policy`, the newest of its name, the one that its sandboxes are judged by. In the transaction that publishes it, so
 * that what had more than it allows is no longer in use from the commit on. May be done twice.
 */
export async function followPolicy(
  trx: Transaction<Database>,
  policy: PolicyInForce,
  cause: Pick<Cause, 'actor' | 'correlation'>,
): Promise<Followed> {
  const found = await ofPolicy(trx, policy.name)
    .select((eb) => ['id', 'state', eb.fn.coalesce('container_version', 'policy_version').as('made')])
    .orderBy('id')
    .execute()
  const present = rows.parse(found)
  const rebuildFrom = await comparedWith(trx, policy, new Set(present.map(({ made }) => made)))
  const decided = present.map((row) => ({ ...row, becomes: following[row.state][rebuildFrom(row.made)] }))

  const { version } = policy
  await trx
    .updateTable('sandboxes')
    .set({ policy_version: version, container_version: null, runtime: runtimeOf(version) })
    .where('policy_name', '=', policy.name)
    .where('state', '!=', 'removed')
    .execute()
  for (const { id, made } of decided.filter(({ becomes }) => becomes === 'waits'))
    await trx
      .updateTable('sandboxes')
      .set({ container_version: made, runtime: runtimeOf(made) })
      .where('id', '=', id)
      .execute()
  for (const { id, becomes } of decided) {
    if (becomes === 'takes' || becomes === 'waits') continue
    const row = await lockSandbox(trx, id)
    const { to, ...why } = moves[becomes]
    if (row) await transitionTo(trx, row, to, { ...cause, ...why })
  }
  const which = (wanted: Following) => decided.filter(({ becomes }) => becomes === wanted).map(({ id }) => id)
  return { rebuild: which('is-rebuilt'), waiting: which('waits') }
}

/** What `policy` means for a container that was made by an earlier version. One that is gone cannot be compared with. */
async function comparedWith(trx: Transaction<Database>, policy: PolicyInForce, made: Set<number>) {
  const found = new Map<number, Rebuild>()
  for (const version of made) {
    const before = version === policy.version ? policy : await readPolicy(trx, policy.name, version)
    found.set(version, before === null ? 'narrows' : policyChange(before, policy).rebuild)
  }
  return (version: number) => found.get(version) ?? 'narrows'
}

const ofPolicy = (trx: Transaction<Database>, policy: string) =>
  trx.selectFrom('sandboxes').where('policy_name', '=', policy).where('state', '!=', 'removed')
