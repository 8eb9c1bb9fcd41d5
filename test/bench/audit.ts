import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { createAppender } from '../../api/audit/append.ts'
import { auditEvent } from '../../api/audit/event.ts'
import type { BenchDatabase } from './database.ts'
import { type Figure, load, percentile } from './figure.ts'

const DURATION_MS = 5_000
const LANES = 64

/** Durable appends a second, 64 at a time, against one hand-written INSERT … unnest per 64 rows into a bare table. */
export async function benchAudit({ ownerUrl, gatewayUrl }: BenchDatabase): Promise<Figure[]> {
  const appender = createAppender(gatewayUrl)
  await appender.append(someEvent())
  const ours = await load(LANES, DURATION_MS, () => appender.append(someEvent()))
  const alone = await load(1, 2_000, () => appender.append(someEvent()))
  await appender.close()
  const plain = await plainInserts(ownerUrl)
  return [
    {
      what: 'durable audit appends',
      ours: ours.perSecond,
      reference: { value: plain.perSecond, against: `INSERT … unnest, ${LANES} rows a commit` },
      unit: '/s',
      aim: '≥ 0.5 of the reference',
      met: ours.perSecond >= 0.5 * plain.perSecond,
    },
    {
      what: 'one audit append, p50',
      ours: percentile(alone.durations, 50),
      reference: { value: percentile(plain.alone, 50), against: 'one plain INSERT' },
      unit: 'ms',
      aim: '≤ 2 ms added',
      met: percentile(alone.durations, 50) - percentile(plain.alone, 50) <= 2,
    },
  ]
}

function someEvent() {
  return auditEvent('egress.request', {
    actor: { type: 'system', id: 'gateway' },
    decision: 'allow',
    reason: 'rule',
    rule: 'npm-read/0',
    correlation: randomUUID(),
    detail: {
      method: 'CONNECT',
      host: 'a.example',
      port: 443,
      path: null,
      phase: 'work' as const,
      address: null,
      raw: null,
    },
  })
}

/** The same bodies into a table without index, trigger or generated columns: what the disk and the protocol allow. */
async function plainInserts(ownerUrl: string) {
  const client = new pg.Client({ connectionString: ownerUrl })
  await client.connect()
  await client.query('CREATE TABLE bench_plain (id uuid, body text)')
  const bodies = (count: number) => Array.from({ length: count }, () => JSON.stringify(someEvent()))
  const insert = (rows: string[]) =>
    client.query('INSERT INTO bench_plain SELECT gen_random_uuid(), body FROM unnest($1::text[]) AS body', [rows])
  const batches = await load(1, DURATION_MS, async () => void (await insert(bodies(LANES))))
  const alone = await load(1, 2_000, async () => void (await insert(bodies(1))))
  await client.query('DROP TABLE bench_plain')
  await client.end()
  return { perSecond: batches.perSecond * LANES, alone: alone.durations }
}
