import { createHash, randomUUID } from 'node:crypto'
import type { Transaction } from 'kysely'
import type { Logger } from 'pino'
import { appendIn } from '../../audit/append.ts'
import { auditEvent } from '../../audit/event.ts'
import type { Actor } from '../../contract/audit.ts'
import type { PersonId, SandboxId } from '../../contract/ids.ts'
import type { PolicyInForce, PolicyPublished } from '../../contract/policy.ts'
import { ApiError } from '../../errors.ts'
import { parsePolicy } from '../../policy/document/parse.ts'
import { unsafeFields } from '../../policy/unsafe.ts'
import type { Store } from '../../store/connect.ts'
import type { Database } from '../../store/tables.ts'
import type { Cause } from '../sandboxes/transition.ts'
import { keepHoldsOut } from '../stops/held.ts'
import { followPolicy, lockSandboxesOf } from './follow.ts'
import { type Library, problemText, yamlFiles } from './library.ts'
import { lockPolicy } from './read.ts'

interface Publishing {
  yaml: string
  library: Library
  origin: 'file' | 'api'
  /** Who publishes; null: the server itself, from a file or because a registry moved. */
  person: PersonId | null
  /** Refused when the YAML's own name is another. */
  name?: string
  fileHash?: string | null
  reason?: 'surroundings-changed'
  /** Called after the commit, for each sandbox that has more than the new version allows: its container has to go now. */
  rebuild(sandbox: SandboxId): void
}

/**
 * Makes a policy the one in force: judged, then its version, what it does to its sandboxes and the events in one transaction;
 * gateways hear of it by the `doors` notification. A policy that already says the same is left as
 * it is, and its sandboxes follow it once more.
 * @throws ApiError policy_invalid with every problem in its message.
 */
export async function publishPolicy(db: Store, given: Publishing): Promise<PolicyPublished> {
  const { yaml, library, name: wanted } = given
  const judged = await library.judge(yaml, 1)
  if (!judged.ok) throw new ApiError('policy_invalid', judged.problems.map(problemText).join('\n'))
  const { name, hash } = judged.policy
  if (wanted !== undefined && wanted !== name)
    throw new ApiError(
      'policy_invalid',
      `policy: the file names "${name}", and it is published as "${wanted}". Make them the same.`,
    )

  const { version, changed, followed } = await db.transaction().execute(async (trx) => {
    // In this order everywhere: holds, a policy, its sandboxes, people. The row of `created_by` is locked by its reference.
    await keepHoldsOut(trx)
    await lockPolicy(trx, name)
    await lockSandboxesOf(trx, name)
    const before = await trx
      .selectFrom('policies_in_force')
      .select(['version', 'hash', 'file_hash'])
      .where('name', '=', name)
      .executeTakeFirst()
    const fileHash = given.fileHash === undefined ? (before?.file_hash ?? null) : given.fileHash
    const changed = before?.hash !== hash || before.file_hash !== fileHash
    const policy = { ...judged.policy, version: (before?.version ?? 0) + (changed ? 1 : 0) }
    const actor: Actor = given.person ? { type: 'person', id: given.person } : { type: 'system', id: 'server' }
    const cause = { actor, correlation: randomUUID() }
    if (changed) await insertVersion(trx, policy, { ...given, fileHash }, cause)
    return { version: policy.version, changed, followed: await followPolicy(trx, policy, cause) }
  })
  for (const id of followed.rebuild) given.rebuild(id)
  const sandboxes = { rebuilt: followed.rebuild.length, waiting: followed.waiting.length }
  return { name, version, hash, changed, sandboxes }
}

async function insertVersion(
  trx: Transaction<Database>,
  policy: PolicyInForce,
  { yaml, origin, person, fileHash, reason }: Publishing & { fileHash: string | null },
  cause: Pick<Cause, 'actor' | 'correlation'>,
): Promise<void> {
  const { name, version, hash } = policy
  await appendIn(
    trx,
    auditEvent('policy.published', {
      ...cause,
      person,
      decision: 'allow',
      reason: reason ?? (origin === 'file' ? 'from-file' : 'by-admin'),
      policy: { name, version },
      detail: { name, version, hash, origin, unsafe: unsafeFields(policy) },
    }),
  )
  await trx
    .insertInto('policies')
    .values({
      name,
      version,
      hash,
      body: JSON.stringify(policy),
      source: yaml,
      origin,
      file_hash: fileHash,
      created_by: person,
    })
    .execute()
}

/**
 * At the server's start: publishes each file of `folder` that changed since it was last published from a file, then each
 * policy in force that would mean something else today (a registry moved). What an admin published later stays.
 * A file that does not hold is reported and not published: what is in force stays in force.
 */
export async function seedPolicies(
  db: Store,
  { folder, library, log, rebuild }: { folder: string; library: Library; log: Logger } & Pick<Publishing, 'rebuild'>,
): Promise<void> {
  const shared = { library, person: null, rebuild }
  for (const problem of library.problems) log.error({ problem }, 'a bundle or a tool was not read')
  for (const { name: file, text } of await yamlFiles(folder)) {
    const fileHash = createHash('sha256').update(text).digest('hex')
    if (await isSeeded(db, text, fileHash)) continue
    await tryTo(log, file, () => publishPolicy(db, { ...shared, yaml: text, origin: 'file', fileHash }))
  }
  const inForce = await db
    .selectFrom('policies_in_force')
    .select(['name', 'source', 'origin'])
    .orderBy('name')
    .execute()
  for (const { name, source, origin } of inForce)
    await tryTo(log, name, () => publishPolicy(db, { ...shared, yaml: source, origin, reason: 'surroundings-changed' }))
}

/** Every later version keeps the hash of the file that was seeded last, so the highest version has it. */
async function isSeeded(db: Store, yaml: string, fileHash: string): Promise<boolean> {
  const parsed = parsePolicy(yaml)
  if (!parsed.ok) return false
  const { policy: name } = parsed.value
  const last = await db.selectFrom('policies_in_force').select('file_hash').where('name', '=', name).executeTakeFirst()
  return last?.file_hash === fileHash
}

async function tryTo(log: Logger, what: string, publish: () => Promise<PolicyPublished>) {
  try {
    const { name, version, changed } = await publish()
    if (changed) log.info({ policy: name, version, from: what }, 'policy published')
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    log.error(
      { from: what, problems: error.message.split('\n') },
      'policy not published: what is in force stays in force',
    )
  }
}
