import { expect, test } from 'vitest'
import { readOptions } from '../../../api/bin/options.mjs'
import { MAX_CONNECTIONS, MAX_GATEWAYS, tooFewConnections } from '../../../api/store/connections.ts'

test('the built-in database has a connection for everybody, with as many gateways as there may be', () => {
  expect(tooFewConnections(MAX_CONNECTIONS, MAX_GATEWAYS)).toBeNull()
})

test('npm start takes as many gateways as the database has room for', () => {
  expect(readOptions(['--gateways', String(MAX_GATEWAYS)]).gateways).toBe(MAX_GATEWAYS)
  for (const none of [String(MAX_GATEWAYS + 1), '0', '1.5', 'many', ''])
    expect(() => readOptions(['--gateways', none])).toThrow('--gateways takes a number')
  const { gateways } = readOptions([])
  expect(gateways).toBeGreaterThanOrEqual(1)
  expect(gateways).toBeLessThanOrEqual(4)
})

test.each([
  [54, 1, null],
  [53, 1, /takes 53 connections.*1 gateways.*may need 54/],
  [60, 4, /--gateways/],
  [72, 4, null],
])('an outside database with %i connections and %i gateways', (max, gateways, said) => {
  if (said === null) expect(tooFewConnections(max, gateways)).toBeNull()
  else expect(tooFewConnections(max, gateways)).toMatch(said)
})
