/** A sandbox that asks as fast as it can and never waits: what it writes into the log is bounded, and its neighbour goes on. */
import { connect } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { AuditEvent } from '../../../api/contract/audit.ts'
import type { RuleInForce } from '../../../api/contract/policy.ts'
import { somePolicy } from '../../support/models/door.ts'
import { type DooredSandbox, sandboxWithDoor } from '../../support/sandbox/doored.ts'
import { createTestRunner, type TestRunner } from '../../support/sandbox/sandboxes.ts'

const SECONDS = 4
const budget = { burst: 200, perSecond: 10 }
/** Besides the budget: one event at once and one later for each of 32 targets, and one for each reason beyond them. */
const FOLDS = 100
const nowhere: RuleInForce = {
  ...{ id: 'test/0', host: 'nowhere.example', ports: [80], protocol: 'http' },
  ...{ methods: null, paths: null, addresses: [], expires: null },
}
const policy = { ...somePolicy, egress: [nowhere], events: budget }

let runner: TestRunner
let attacker: DooredSandbox
let neighbour: DooredSandbox
beforeAll(async () => {
  runner = await createTestRunner()
  attacker = await sandboxWithDoor(runner, {}, policy)
  neighbour = await sandboxWithDoor(runner)
})
afterAll(async () => {
  await attacker?.close()
  await neighbour?.close()
  await runner?.close()
})

/** For so many seconds, over 64 connections at a time, each hung up as soon as its bytes are sent. Prints how many. */
const flood = (bytes: string, port = 3128) => `node -e '
  const { connect } = require("node:net")
  const until = Date.now() + ${SECONDS * 1000}
  let sent = 0
  const next = () => {
    if (Date.now() > until) return
    const socket = connect(${port}, "127.0.0.1").on("error", () => {}).on("close", next)
    const turn = sent
    socket.write(${bytes}, () => { sent++; socket.destroy() })
  }
  for (let lane = 0; lane < 64; lane++) next()
  process.on("exit", () => console.log(sent))
'`

const p50 = (times: number[]) => times.toSorted((a, b) => a - b)[times.length >> 1] ?? Number.NaN

/** How long the neighbour waits for the answer to a request that is recorded, ms, while `meanwhile` is under way. */
async function neighbourP50(meanwhile: Promise<unknown>): Promise<number> {
  const under = { way: true }
  void meanwhile.finally(() => {
    under.way = false
  })
  const times: number[] = []
  while (under.way) {
    const started = performance.now()
    await new Promise<void>((answered, failed) => {
      const socket = connect(neighbour.egressSocket).once('error', failed)
      socket.once('data', () => {
        socket.destroy()
        answered()
      })
      socket.write('CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: elsewhere.example:443\r\n\r\n')
    })
    times.push(performance.now() - started)
    await new Promise((done) => setTimeout(done, 5))
  }
  return p50(times)
}

const timesOf = (events: readonly AuditEvent[]) =>
  events.reduce((sum, { detail }) => sum + ('folded' in detail && detail.folded ? detail.folded.times : 1), 0)

test.each<[string, string, number?]>([
  ['G07 a refused request, hung up', '"GET http://evil.example/ HTTP/1.1\\r\\nHost: evil.example\\r\\n\\r\\n"'],
  [
    'G08 an allowed name that does not resolve',
    '"GET http://nowhere.example/ HTTP/1.1\\r\\nHost: nowhere.example\\r\\n\\r\\n"',
  ],
  ['G09 another target each time', '"CONNECT h" + turn + ".example:443 HTTP/1.1\\r\\nHost: h\\r\\n\\r\\n"'],
  ['G10 nonsense on the model socket', '"nonsense\\r\\n\\r\\n"', 4000],
  ['G11 many requests at once', '"GET http://evil.example/ HTTP/1.1\\r\\nHost: evil.example\\r\\n\\r\\n".repeat(30)'],
])('%s', async (what, bytes, port) => {
  const alone = await neighbourP50(new Promise((done) => setTimeout(done, 1_000)))
  attacker.events.length = 0
  const startedAt = performance.now()
  const flooding = attacker.shell(flood(bytes, port))
  const beside = await neighbourP50(flooding)
  const { stdout, stderr } = await flooding
  const seconds = (performance.now() - startedAt) / 1000
  const sent = Number(stdout)
  // What was counted is written when a door closes.
  await attacker.restartGateway()
  const { length } = attacker.events
  const counted = timesOf(attacker.events.filter(({ decision }) => decision === 'deny'))
  console.info(what, { sent, events: length, counted, neighbour: { alone, beside } })
  expect(sent, stderr).toBeGreaterThan(500)
  expect(length).toBeGreaterThan(0)
  expect(length).toBeLessThanOrEqual(budget.burst + budget.perSecond * seconds + FOLDS)
  // On a busy machine everything takes its time; then what counts is what the flood adds.
  expect(beside).toBeLessThan(Math.max(50, 10 * alone))
})

test('G07 when the door closes, every refusal is in the log', async () => {
  attacker.events.length = 0
  const { stdout } = await attacker.shell(
    `for i in $(seq 150); do curl -s -o /dev/null -w '%{http_code}\n' -x 127.0.0.1:3128 http://evil.example/; done | sort | uniq -c`,
  )
  expect(stdout.trim()).toBe('150 403')
  await attacker.restartGateway()
  const refused = attacker.events.filter(({ detail }) => 'host' in detail && detail.host === 'evil.example')
  expect(timesOf(refused)).toBeGreaterThanOrEqual(150)
})
