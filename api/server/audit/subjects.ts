import type { z } from 'zod'
import { cleanText } from '../../audit/text.ts'
import type { auditSubjects } from '../../contract/audit.ts'
import { personId, prototypeId } from '../../contract/ids.ts'
import type { Store } from '../../store/connect.ts'

const MAX_NAME = 200
/** More than anybody looks through in a list; an older one is found by its name as text. */
const MOST = 2000

/**
 * Whom and what the log can be asked about. People are never deleted and a deleted prototype keeps its row, so whoever is
 * in the log is here. Nothing of the log itself is read.
 */
export async function listSubjects(db: Store): Promise<z.infer<typeof auditSubjects>> {
  const [people, prototypes] = await Promise.all([
    db.selectFrom('people').select(['id', 'name']).orderBy('name').limit(MOST).execute(),
    db
      .selectFrom('prototypes')
      .innerJoin('people', 'people.id', 'prototypes.owner_id')
      .select(['prototypes.id', 'prototypes.title', 'people.name as owner', 'prototypes.removed_at'])
      .orderBy('prototypes.created_at', 'desc')
      .limit(MOST)
      .execute(),
  ])
  return {
    people: people.map(({ id, name }) => ({ id: personId.parse(id), name: cleanText(name, MAX_NAME) })),
    prototypes: prototypes.map(({ id, title, owner, removed_at }) => ({
      id: prototypeId.parse(id),
      title: cleanText(title, MAX_NAME),
      owner: cleanText(owner, MAX_NAME),
      removed: removed_at !== null,
    })),
  }
}
