import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import type { Logger } from 'pino'
import { appendIn } from '../../audit/append.ts'
import { auditEvent } from '../../audit/event.ts'
import type { Actor } from '../../contract/audit.ts'
import type { PersonId } from '../../contract/ids.ts'
import type { PolicyPublished } from '../../contract/policy.ts'
import { ApiError } from '../../errors.ts'
import { parsePolicy } from '../../policy/document/parse.ts'
import { unsafeFields } from '../../policy/unsafe.ts'
import type { Store } from '../../store/connect.ts'
import { type Library, problemText, yamlFiles } from './library.ts'

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
}

/**
 * Makes a policy the one in force: judged, then its version and the audit event in one transaction; gateways hear of it by
 * the `doors` notification. A policy that already says the same is left as it is.
 * @throws ApiError policy_invalid with every problem in its message.
 */
export async function publishPolicy(db: Store, given: Publishing): Promise<PolicyPublished> {
  const { yaml, library, origin, person, name: wanted } = given
  const judged = await library.judge(yaml, 1)
  if (!judged.ok) throw new ApiError('policy_invalid', judged.problems.map(problemText).join('\n'))
  const { name, hash } = judged.policy
  if (wanted !== undefined && wanted !== name)
    throw new ApiError(
      'policy_invalid',
      `policy: the file names "${name}", and it is published as "${wanted}". Make them the same.`,
    )

  return db.transaction().execute(async (trx) => {
    // Two publishers of one name wait for each other; the primary key alone would refuse the second.
    await sql`SELECT pg_advisory_xact_lock(hashtext(${`policy ${name}`}))`.execute(trx)
    const before = await trx
      .selectFrom('policies_in_force')
      .select(['version', 'hash', 'file_hash'])
      .where('name', '=', name)
      .executeTakeFirst()
    const fileHash = given.fileHash === undefined ? (before?.file_hash ?? null) : given.fileHash
    if (before?.hash === hash && before.file_hash === fileHash)
      return { name, version: before.version, hash, changed: false }
    const version = (before?.version ?? 0) + 1
    const actor: Actor = person ? { type: 'person', id: person } : { type: 'system', id: 'server' }
    await appendIn(
      trx,
      auditEvent('policy.published', {
        actor,
        person,
        decision: 'allow',
        reason: given.reason ?? (origin === 'file' ? 'from-file' : 'by-admin'),
        policy: { name, version },
        detail: { name, version, hash, origin, unsafe: unsafeFields(judged.policy) },
      }),
    )
    await trx
      .insertInto('policies')
      .values({
        name,
        version,
        hash,
        body: JSON.stringify({ ...judged.policy, version }),
        source: yaml,
        origin,
        file_hash: fileHash,
        created_by: person,
      })
      .execute()
    return { name, version, hash, changed: true }
  })
}

/**
 * At the server's start: publishes each file of `folder` that changed since it was last published from a file, then each
 * policy in force that would mean something else today (a registry moved). What an admin published later stays.
 * A file that does not hold is reported and not published: what is in force stays in force.
 */
export async function seedPolicies(
  db: Store,
  { folder, library, log }: { folder: string; library: Library; log: Logger },
): Promise<void> {
  for (const problem of library.problems) log.error({ problem }, 'a bundle or a tool was not read')
  for (const { name: file, text } of await yamlFiles(folder)) {
    const fileHash = createHash('sha256').update(text).digest('hex')
    if (await isSeeded(db, text, fileHash)) continue
    await tryTo(log, file, () => publishPolicy(db, { yaml: text, library, origin: 'file', person: null, fileHash }))
  }
  const inForce = await db
    .selectFrom('policies_in_force')
    .select(['name', 'source', 'origin'])
    .orderBy('name')
    .execute()
  for (const { name, source, origin } of inForce)
    await tryTo(log, name, () =>
      publishPolicy(db, { yaml: source, library, origin, person: null, reason: 'surroundings-changed' }),
    )
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
