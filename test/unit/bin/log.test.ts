import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openLog } from '../../../api/bin/launch/children/log.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'log-'))
})
afterAll(() => rm(folder, { recursive: true }))

test("a program's output stays within two files while it runs, and the newest is kept", async () => {
  const path = join(folder, 'gateway.log')
  const log = openLog(path, 100)
  for (let line = 0; line < 50; line++) log.write(Buffer.from(`line ${line}\n`.padStart(20)))
  log.close()
  const [now, before] = [await readFile(path, 'utf8'), await readFile(`${path}.1`, 'utf8')]
  expect([now.length, before.length]).toEqual([100, 100])
  expect(`${before}${now}`.match(/\d+/g)).toEqual(Array.from({ length: 10 }, (_, at) => String(40 + at)))
})

test('what was there at the start counts', async () => {
  const path = join(folder, 'server.log')
  const first = openLog(path, 100)
  first.write(Buffer.alloc(90, 'a'))
  first.close()
  const second = openLog(path, 100)
  second.write(Buffer.alloc(20, 'b'))
  second.close()
  expect([(await readFile(path)).length, (await readFile(`${path}.1`)).length]).toEqual([20, 90])
})
