import { expect, test } from 'vitest'
import { createTickets } from '../../../api/server/terminals/tickets.ts'

const admission = { person: 'pe_aaaaaaaaaaaaaaaa', sandbox: 'sb_aaaaaaaaaaaaaaaa', terminal: 'main' } as const

test('a ticket is good once', () => {
  const tickets = createTickets()
  const ticket = tickets.issue(admission)
  expect([tickets.redeem(ticket, admission), tickets.redeem(ticket, admission)]).toEqual([true, false])
})

test.each([
  ['another person', { ...admission, person: 'pe_bbbbbbbbbbbbbbbb' as const }],
  ['another sandbox', { ...admission, sandbox: 'sb_bbbbbbbbbbbbbbbb' as const }],
  ['another terminal', { ...admission, terminal: 'other' }],
])('a ticket is not good for %s, and is used up by trying', (_what, other) => {
  const tickets = createTickets()
  const ticket = tickets.issue(admission)
  expect([tickets.redeem(ticket, other), tickets.redeem(ticket, admission)]).toEqual([false, false])
})

test.each([
  [29_999, true],
  [30_000, false],
])('after %i ms a ticket is good: %s', (elapsedMs, good) => {
  let now = 1000
  const tickets = createTickets(() => now)
  const ticket = tickets.issue(admission)
  now += elapsedMs
  expect(tickets.redeem(ticket, admission)).toBe(good)
})

test('a ticket that was made up is not good', () => {
  expect(createTickets().redeem('made-up', admission)).toBe(false)
})
