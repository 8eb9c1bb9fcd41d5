import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Append } from '../../../audit/append.ts'
import { auditEvent } from '../../../audit/event.ts'
import type { PersonId, PrototypeId, SandboxId } from '../../../contract/ids.ts'

export interface Expired {
  id: SandboxId
  prototype: PrototypeId
  owner: PersonId
}

interface RetentionDeps {
  root: string
  keptDays: number
  append: Append
}

/**
 * Removes what was kept long enough. The event is durable first, and says what there was: a crash in between leaves the files,
 * and the next look says it again.
 */
export async function removeExpired({ id, prototype, owner }: Expired, deps: RetentionDeps): Promise<void> {
  const folder = join(deps.root, id)
  const { files, bytes, sha256 } = await digest(folder)
  await deps.append(
    auditEvent('recording.removed', {
      actor: { type: 'system', id: 'gateway' },
      person: owner,
      prototype,
      sandbox: id,
      decision: 'info',
      reason: 'retention-over',
      detail: { files, bytes, sha256, keptDays: deps.keptDays },
    }),
  )
  await rm(folder, { recursive: true, force: true })
}

/** SHA-256 over each file's name, length and contents, in the order of their names. */
async function digest(folder: string) {
  const hash = createHash('sha256')
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  let bytes = 0
  for (const path of paths.sort()) {
    const file = createHash('sha256')
    let length = 0
    for await (const chunk of createReadStream(path)) {
      file.update(chunk)
      length += chunk.length
    }
    bytes += length
    hash.update(`${path.slice(folder.length + 1)}\n${length}\n`).update(file.digest())
  }
  return { files: paths.length, bytes, sha256: hash.digest('hex') }
}
