/** Events by a text: which stretches of the log may hold it, then those stretches event by event. */
import { sql } from 'kysely'
import type { Store } from '../../store/connect.ts'
import type { Condition } from './filter.ts'
import { type EventQuery, type EventRow, selectEvents } from './select.ts'

/** As in migration 005: so many places share one list of words. */
const STRETCH = 128
/** How many stretches are read event by event at a time: where the text is frequent, a few hold a whole page. */
const NEAR_AT_A_TIME = 16
const FAR_AT_A_TIME = 64
/** How many places are looked through before those beyond are. Growing, so that what is near costs nothing for what is far. */
const WINDOWS = [64 * STRETCH, 512 * STRETCH, 4096 * STRETCH, Number.MAX_SAFE_INTEGER]
/** From this many places on, words are asked of the index. */
const NEAR = 64 * STRETCH
/** Names that are looked up for one text. More people or prototypes than this with one text in their names are not all found by it. */
const MAX_NAMED = 500

type TextQuery = EventQuery & { text: string }

/** Both halves are in order and as long as the page, so the page is the best of both. */
export async function searchEvents(db: Store, asked: TextQuery): Promise<EventRow[]> {
  const [said, named] = await Promise.all([eventsThatSay(db, asked), eventsOfNames(db, asked)])
  const rows = [...new Map([...said, ...named].map((row) => [row.seq, row])).values()]
  rows.sort((a, b) => (asked.after === undefined ? b.seq - a.seq : a.seq - b.seq))
  return rows.slice(0, asked.limit)
}

async function eventsOfNames(db: Store, asked: TextQuery): Promise<EventRow[]> {
  const { people, prototypes } = await namedLike(db, asked.text)
  if (people.length === 0 && prototypes.length === 0) return []
  return selectEvents(db, asked, (eb) =>
    eb.or([
      ...(people.length > 0 ? [eb('e.person', 'in', people)] : []),
      ...(prototypes.length > 0 ? [eb('e.prototype', 'in', prototypes)] : []),
    ]),
  )
}

async function eventsThatSay(db: Store, asked: TextQuery): Promise<EventRow[]> {
  const found: EventRow[] = []
  for await (const ranges of stretchesWith(db, asked)) {
    const limit = asked.limit - found.length
    const within: Condition = (eb) =>
      eb.and([
        // Said again as one range, so that no plan reads beyond it.
        eb.between('c.seq', Math.min(...ranges.map(([first]) => first)), Math.max(...ranges.map(([, last]) => last))),
        eb.or(ranges.map(([first, last]) => eb.between('c.seq', first, last))),
        says(asked.text),
      ])
    found.push(...(await selectEvents(db, { ...asked, limit }, within)))
    if (found.length === asked.limit) break
  }
  return found
}

type Range = readonly [first: number, last: number]

/** Where the text may stand, some stretches at a time, in the order that is asked for. */
async function* stretchesWith(db: Store, asked: TextQuery): AsyncGenerator<Range[]> {
  const following = asked.after !== undefined
  const first = (asked.after ?? 0) + 1
  const last = (asked.before ?? Number.MAX_SAFE_INTEGER) - 1
  const listed = await lastListed(db)
  // The newest have no list of words yet, or fewer events are asked for than share one.
  const unlisted: Range[] = last > listed ? [[Math.max(first, listed + 1), last]] : []
  if (unlisted.length > 0 && !following) yield unlisted
  if (first <= listed) {
    yield* listedStretches(db, asked.text, [stretchOf(first), stretchOf(Math.min(last, listed))], following)
  }
  if (unlisted.length > 0 && following) yield unlisted
}

/** The first place of the stretch in which a place is. */
const stretchOf = (seq: number) => seq - ((seq - 1) % STRETCH)

/** The nearest windows first: a text that is everywhere is found in the first, one that is rare with one question to the index. */
function* windows([first, last]: Range, following: boolean): Generator<Range> {
  let [low, high] = [first, last]
  for (const size of WINDOWS) {
    if (low > high) return
    const inner = following ? Math.min(high, low + size - STRETCH) : Math.max(low, high - size + STRETCH)
    yield following ? [low, inner] : [inner, high]
    if (following) low = inner + STRETCH
    else high = inner - STRETCH
  }
}

async function* listedStretches(db: Store, text: string, range: Range, following: boolean): AsyncGenerator<Range[]> {
  for (const window of windows(range, following)) {
    let [first, last] = window
    for (;;) {
      const limit = last - first >= NEAR ? FAR_AT_A_TIME : NEAR_AT_A_TIME
      const page = await listedWith(db, text, [first, last], following ? 'asc' : 'desc', limit)
      if (page.length > 0) yield page.map((seq): Range => [seq, seq + STRETCH - 1])
      const reached = page.at(-1)
      if (page.length < limit || reached === undefined) break
      if (following) first = reached + STRETCH
      else last = reached - STRETCH
    }
  }
}

/** Stretches whose words hold the text, at most `limit`. */
async function listedWith(db: Store, text: string, [first, last]: Range, order: 'asc' | 'desc', limit: number) {
  return db.transaction().execute(async (transaction) => {
    const isFar = last - first >= NEAR && HAS_TRIGRAM.test(text)
    // The planner takes words for short, and would rather read all of them than ask their index. Places as a sum have no index.
    const seq = isFar ? sql<number>`first_seq + 0` : sql<number>`first_seq`
    if (isFar) await sql`SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off`.execute(transaction)
    const rows = await transaction
      .selectFrom('audit_text')
      .select('first_seq')
      .where(seq, '>=', first)
      .where(seq, '<=', last)
      .where(sql<boolean>`words LIKE lower(${contains(text)})`)
      .orderBy(seq, order)
      .limit(limit)
      .execute()
    return rows.map(({ first_seq }) => first_seq)
  })
}

async function lastListed(db: Store): Promise<number> {
  const row = await db
    .selectFrom('audit_text')
    .select('first_seq')
    .orderBy('first_seq', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row ? row.first_seq + STRETCH - 1 : 0
}

/** Of anything shorter the index would be read whole. */
const HAS_TRIGRAM = /[\p{L}\p{N}]{3}/u
const ASCII = /^[ -~]*$/

/** One value of the body holds the text. Reading a body as text is ten times cheaper than taking it apart, so that comes first. */
const says = (text: string) => {
  // As it stands in the body: quotes and backslashes are escaped there.
  const inBody = contains(JSON.stringify(text).slice(1, -1))
  const may = ASCII.test(text)
    ? sql`lower(e.body COLLATE "C") LIKE ${inBody.toLowerCase()}`
    : sql`e.body ILIKE ${inBody}`
  return sql<boolean>`CASE WHEN ${may}
    THEN EXISTS (SELECT FROM audit_words(e.body) AS word WHERE word LIKE lower(${contains(text)})) ELSE false END`
}

/** A pattern for LIKE that takes `text` letter by letter. */
const contains = (text: string) => `%${text.replace(/[\\%_]/g, '\\$&')}%`

async function namedLike(db: Store, text: string) {
  const pattern = contains(text)
  const [people, prototypes] = await Promise.all([
    db.selectFrom('people').select('id').where('name', 'ilike', pattern).limit(MAX_NAMED).execute(),
    db.selectFrom('prototypes').select('id').where('title', 'ilike', pattern).limit(MAX_NAMED).execute(),
  ])
  return { people: people.map(({ id }) => id), prototypes: prototypes.map(({ id }) => id) }
}
