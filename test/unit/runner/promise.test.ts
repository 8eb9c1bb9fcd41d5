import { mkdtemp, open, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createPromises, freeBytes } from '../../../api/runner/promise.ts'

const MIB = 2 ** 20
let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bl-promise-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** As a workspace is allocated: sparse. */
const sparse = (name: string, bytes: number) => async () => {
  const file = await open(join(folder, `${name}.img.new`), 'w')
  await file.truncate(bytes)
  await file.close()
}

test('what is promised is not there a second time, also for those who ask at once (A43)', async () => {
  const promise = createPromises(folder, MIB)
  const most = Math.floor((await freeBytes(folder)) * 0.6)
  const asked = await Promise.allSettled(['one', 'two', 'three'].map((name) => promise(most, sparse(name, most))))
  expect(asked.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected'])
  await expect(promise(most, sparse('four', most))).rejects.toMatchObject({
    code: 'no_room',
    message: expect.stringContaining('Delete prototypes or add disk'),
  })
  await rm(join(folder, 'one.img.new'))
  await promise(most, sparse('five', most))
})

test('the reserve is given to nobody (A43)', async () => {
  const { blocks, bsize } = await statfs(folder)
  const wanted = Math.floor((blocks * bsize) / 8)
  const free = await freeBytes(folder)
  const most = free - Math.ceil(wanted * 1.25)
  const promise = createPromises(folder, wanted)
  // Others write to this disk too: a part of it on both sides.
  await expect(promise(most + 2000 * MIB, sparse('more', most))).rejects.toMatchObject({ code: 'no_room' })
  if (most > 2000 * MIB) await promise(most - 2000 * MIB, sparse('less', most - 2000 * MIB))
})
