import { mkdir, mkdtemp, open, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { measureDisks, promisedIn, takenBy } from '../../../api/room/measure.ts'

const MIB = 2 ** 20
let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bl-room-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

async function sparse(name: string, bytes: number, written = 0) {
  const file = await open(join(folder, name), 'w')
  await file.truncate(bytes)
  if (written > 0) await file.write(Buffer.alloc(written, 1), 0, written, 0)
  await file.close()
}

test('what images may still grow by is promised, also while they are being made; other files promise nothing', async () => {
  await sparse('one.img', 100 * MIB, 30 * MIB)
  await sparse('two.img.new', 50 * MIB)
  await sparse('three.json', 70 * MIB)
  expect(await promisedIn(folder)).toBe(120 * MIB)
})

test('folders on one file system are one disk; those that are not made yet count as their parent', async () => {
  const places = { database: null, recordings: join(folder, 'not', 'there'), workspaces: folder }
  await sparse('one.img', 10 * MIB)
  const disks = await measureDisks(places)
  expect(disks).toMatchObject([{ holds: ['recordings', 'workspaces'], promisedBytes: 10 * MIB }])
  expect(disks[0]?.freeBytes).toBeLessThan(disks[0]?.totalBytes ?? 0)
})

test('folders on two file systems are two disks, and the promise counts where it was made', async () => {
  await sparse('one.img', 10 * MIB)
  const disks = await measureDisks({ database: '/proc', recordings: folder, workspaces: folder })
  expect(disks.map(({ holds, promisedBytes }) => ({ holds, promisedBytes }))).toEqual([
    { holds: ['database'], promisedBytes: 0 },
    { holds: ['recordings', 'workspaces'], promisedBytes: 10 * MIB },
  ])
})

test('what files take is counted in blocks, links are not followed', async () => {
  await mkdir(join(folder, 'a', 'b'), { recursive: true })
  await writeFile(join(folder, 'a', 'b', 'file'), Buffer.alloc(MIB, 1))
  await symlink('/usr', join(folder, 'a', 'link'))
  await sparse('hole', 100 * MIB)
  const taken = await takenBy(folder)
  expect(taken).toBeGreaterThanOrEqual(MIB)
  expect(taken).toBeLessThan(2 * MIB)
  expect(await takenBy(join(folder, 'not-there'))).toBe(0)
})
