import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type SandboxId, sandboxId } from '../contract/ids.ts'
import { ApiError } from '../errors.ts'
import { createKeyedQueue } from '../flow/keyed-queue.ts'
import type { Gauge } from '../room/gauge.ts'
import { type Door, type DoorDeps, openDoor } from './door.ts'
import type { Identities } from './identities.ts'
import type { OwnedDoor, Owner } from './identity.ts'
import type { Archive } from './terminals/archive/archive.ts'

type Common = Omit<DoorDeps, 'directory' | 'recordings' | 'sandbox' | 'porterUser' | 'shared' | 'gauge'>

interface DoorsDeps extends Common {
  gauge: Pick<Gauge, 'room' | 'isLow' | 'onChange'>
  archive: Pick<Archive, 'forSandbox' | 'release'>
  identities: Identities
  paths: { sandboxes: string; recordings: string }
}

/**
 * All doors of this gateway. Opening and closing one sandbox's door is done one after the other, never both at once.
 *
 * Longer than 60 lines because its verbs wait on the same queue and change the same map.
 */
export function createDoors({ identities, paths, archive, ...common }: DoorsDeps) {
  const opened = new Map<SandboxId, Door>()
  const queue = createKeyedQueue<SandboxId>()
  const removeDirectory = (id: SandboxId) => rm(join(paths.sandboxes, id), { recursive: true, force: true })

  const open = (id: SandboxId) =>
    queue.run(id, async () => {
      const already = opened.get(id)
      if (already && already.porterUser === identities.porterUserOf(id)) return already
      // Another runtime has another porter, and its sockets another owner.
      await already?.close({ remove: false })
      opened.delete(id)
      // The row may be newer than what was read last.
      if (identities.porterUserOf(id) === null) await identities.refresh()
      const porterUser = identities.porterUserOf(id)
      if (porterUser === null) throw new ApiError('not_found', 'There is no such sandbox.')
      const door = await openDoor(id, {
        ...common,
        shared: archive.forSandbox(id),
        directory: join(paths.sandboxes, id),
        recordings: join(paths.recordings, id),
        porterUser,
        sandbox: { id, current: () => identities.identityOf(id), owner: createOwner(id, identities) },
      })
      opened.set(id, door)
      return door
    })

  const close = (id: SandboxId, { remove }: { remove: boolean }) =>
    queue.run(id, async () => {
      const door = opened.get(id)
      opened.delete(id)
      await door?.close({ remove })
      archive.release(id)
      if (remove) await removeDirectory(id)
    })

  common.gauge.onChange(({ low }) => {
    if (low) for (const door of opened.values()) door.shutForRoom()
  })

  return {
    open,
    close,
    find: (id: SandboxId) => opened.get(id) ?? null,
    directoryOf: (id: SandboxId) => join(paths.sandboxes, id),

    /** After a start or a change in the database: the doors that ought to be open are, and every connection is judged again. */
    async reconcile() {
      // First: a door that cannot be opened must not keep open elsewhere what is denied now.
      for (const door of opened.values()) door.rejudge()
      const tried = await Promise.allSettled(identities.withDoor().map((id) => open(id)))
      const failed = tried.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))
      if (failed.length > 0) throw new AggregateError(failed, 'not every door could be opened')
    },

    /**
     * Directories that no sandbox of any instance uses any more (a crash between the two removals). Listed before the
     * database is read: a row is older than its directory, so one that another instance makes meanwhile is not taken for a
     * leftover. An open door keeps its own.
     */
    async sweep() {
      const found = await sandboxesIn(paths.sandboxes)
      const known = await identities.everywhere()
      for (const id of found) if (!known.has(id)) await queue.run(id, async () => opened.has(id) || removeDirectory(id))
    },

    cut(covers: (id: SandboxId) => boolean) {
      for (const door of opened.values()) if (covers(door.id)) door.cut()
    },

    async closeAll() {
      await Promise.all([...opened.keys()].map((id) => close(id, { remove: false })))
    },
  }
}
export type Doors = ReturnType<typeof createDoors>

/** Whose it is, or was last: when it is removed its row is gone from what was read before its door has closed. */
function createOwner(id: SandboxId, identities: Identities): OwnedDoor['owner'] {
  const last: { owner: Owner | null } = { owner: null }
  return () => {
    last.owner = identities.ownerOf(id) ?? last.owner
    return last.owner
  }
}

async function sandboxesIn(folder: string): Promise<SandboxId[]> {
  return (await readdir(folder)).flatMap((name) => sandboxId.safeParse(name).data ?? [])
}
