/** What a workspace writes was subtracted when it was made: it takes nothing from the reserve, however fast it writes. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { availableBytes, judgeRoom, reserveOf } from '../../../api/room/judge.ts'
import { measureDisks } from '../../../api/room/measure.ts'
import { createWorkspaces } from '../../../api/runner/workspace.ts'

const MIB = 1_048_576
const DISK_BYTES = 400 * MIB
const WORKSPACE = { diskBytes: 200 * MIB, exec: false, owner: 65_534 }
const run = promisify(execFile)

let disk: string
let root: string
beforeAll(async () => {
  disk = await mkdtemp(join(tmpdir(), 'bl-disk-'))
  await run('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', disk])
  root = join(disk, 'workspaces')
})
afterAll(async () => {
  await run('umount', ['--lazy', disk])
  await rm(disk, { recursive: true, force: true })
})

test('a workspace that is written full leaves the disk as it was judged when it was made, and a second one is refused (A43)', async () => {
  const workspaces = createWorkspaces(root)
  const look = () => measureDisks({ database: disk, recordings: disk, workspaces: root })
  const available = async () => Math.min(...(await look()).map(availableBytes))
  await workspaces.ensure('one', WORKSPACE)
  try {
    const before = await available()
    expect(before).toBeLessThan(DISK_BYTES - WORKSPACE.diskBytes + MIB)
    await expect(workspaces.ensure('two', WORKSPACE)).rejects.toMatchObject({ code: 'no_room' })

    const noise = join(root, 'one', 'noise')
    await expect(run('dd', ['if=/dev/urandom', `of=${noise}`, 'bs=1M'])).rejects.toThrow('No space left on device')
    await run('sync', ['-f', noise])
    // Metadata of the disk itself apart.
    expect(await available()).toBeGreaterThan(before - 4 * MIB)
    const room = judgeRoom(await look(), null, false)
    expect(room).toMatchObject({ low: false })
    expect(room.disks[0]?.freeBytes).toBeGreaterThan(reserveOf(DISK_BYTES, null))
  } finally {
    await workspaces.remove('one', 'remove')
    await workspaces.remove('two', 'remove')
  }
})
