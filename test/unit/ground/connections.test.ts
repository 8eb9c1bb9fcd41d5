import { expect, test } from 'vitest'
import { readOptions } from '../../../api/bin/options.mjs'
import { connectionsOf, MAX_CONNECTIONS, MAX_GATEWAYS } from '../../../api/store/connections.ts'

const RESERVED_FOR_SUPERUSERS = 3

test('the built-in database has a connection for everybody, with as many gateways as there may be', () => {
  expect(connectionsOf(MAX_GATEWAYS)).toBeLessThanOrEqual(MAX_CONNECTIONS - RESERVED_FOR_SUPERUSERS)
})

test('npm start takes as many gateways as the database has room for', () => {
  expect(readOptions(['--gateways', String(MAX_GATEWAYS)]).gateways).toBe(MAX_GATEWAYS)
  for (const none of [String(MAX_GATEWAYS + 1), '0', '1.5', 'many', ''])
    expect(() => readOptions(['--gateways', none])).toThrow('--gateways takes a number')
  const { gateways } = readOptions([])
  expect(gateways).toBeGreaterThanOrEqual(1)
  expect(gateways).toBeLessThanOrEqual(4)
})
