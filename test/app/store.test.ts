import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../support/database.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())

test('a test has a migrated database of its own', async () => {
  const rows = await database.db.selectFrom('people').selectAll().execute()
  expect(rows).toEqual([])
})
