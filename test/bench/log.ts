import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { createSequencer } from '../../api/audit/chain/sequence.ts'
import { listEvents } from '../../api/server/audit/read.ts'
import { connect } from '../../api/store/connect.ts'
import type { BenchDatabase } from './database.ts'
import { type Figure, percentile } from './figure.ts'

const BACKLOG = 100_000
/** `BENCH_LOG=1000000` for the log that the aim is about; it takes some minutes to fill. */
const EVENTS = Math.max(BACKLOG, Number(process.env.BENCH_LOG ?? 200_000))
const BATCH = 10_000
const PLACED_WITHIN_S = 10
const FOUND_WITHIN_MS = 300
const TIMES = 20

/** How fast a backlog gets its places, and how long a search of a long log takes. */
export async function benchLog({ ownerUrl }: BenchDatabase): Promise<Figure[]> {
  const client = new pg.Client({ connectionString: ownerUrl })
  await client.connect()
  const db = connect(ownerUrl, { max: 2 })
  const before = await number(client, 'SELECT count(*) FROM audit_events')
  await fill(client, BACKLOG)
  const began = performance.now()
  const sequencer = createSequencer(ownerUrl)
  await until(client, 'SELECT count(*) FROM audit_unsequenced', 0)
  const placedS = (performance.now() - began) / 1000
  await fill(client, EVENTS - BACKLOG)
  await until(client, 'SELECT count(*) FROM audit_unsequenced', 0)
  const whole = Math.floor((before + EVENTS) / 128)
  await until(client, 'SELECT count(*) FROM audit_text', whole)
  const search = async (text: string) => {
    const durations: number[] = []
    for (let times = 0; times < TIMES; times += 1) {
      const start = performance.now()
      await listEvents(db, { text, limit: 100 })
      durations.push(performance.now() - start)
    }
    return percentile(durations, 50)
  }
  const texts = [
    ['that is nowhere', 'nowhere.invalid'],
    ['that is rare', `package-${EVENTS / 2}.tgz`],
    ['that is everywhere', 'registry'],
  ] as const
  const figures: Figure[] = []
  for (const [what, text] of texts) {
    const ours = await search(text)
    figures.push({
      what: `search of ${EVENTS.toLocaleString('en')} events for a text ${what}, p50`,
      ours,
      reference: { missing: 'no other log to compare with' },
      unit: 'ms',
      aim: `≤ ${FOUND_WITHIN_MS} ms at a million`,
      met: ours <= FOUND_WITHIN_MS,
    })
  }
  await sequencer.close()
  await db.destroy()
  await client.end()
  return [
    {
      what: `${BACKLOG.toLocaleString('en')} waiting events placed`,
      ours: placedS,
      reference: { missing: 'no other log to compare with' },
      unit: 's',
      aim: `≤ ${PLACED_WITHIN_S} s`,
      met: placedS <= PLACED_WITHIN_S,
    },
    ...figures,
  ]
}

/** Downloads of packages from 40 sandboxes and 300 hosts: each event with ids and a path of its own. */
async function fill(client: pg.Client, count: number) {
  const FILL = `
    INSERT INTO audit_events (body)
    SELECT format('{"actor":{"id":"sb_%2$s","type":"sandbox"},"at":%4$s,"correlation":"%1$s","decision":"allow","detail":{"address":"192.0.2.%5$s","host":"registry%5$s.example.org","method":"GET","path":"/package/-/package-%3$s.tgz","phase":"work","port":443,"raw":null},"id":"%1$s","kind":"egress.request","person":"pe_%2$s","policy":{"name":"standard","version":1},"prototype":"pr_%2$s","reason":"rule","rule":"npm-read/0","sandbox":"sb_%2$s"}',
      gen_random_uuid(), left(md5((n % 40)::text), 16), n, 1700000000000 + n, n % 300)
    FROM generate_series($1::int, $2::int) AS n`
  for (let from = 1; from <= count; from += BATCH) {
    await client.query(FILL, [from, Math.min(from + BATCH - 1, count)])
  }
}

async function number(client: pg.Client, query: string): Promise<number> {
  const { rows } = await client.query<{ count: string }>(query)
  return Number(rows[0]?.count)
}

async function until(client: pg.Client, query: string, wanted: number) {
  while ((await number(client, query)) !== wanted) await delay(50)
}
