/** Vitest's global set-up: one PostgreSQL for all files of a project, with a migrated database that every test's is a copy of. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { startEmbedded } from '../../../api/store/embedded.ts'
import { migrate } from '../../../api/store/migrate.ts'
import { stopPostgres } from '../../../api/store/postmaster.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    databaseUrls: { owner: string; server: string; gateway: string }
  }
}

const NAME = /^backlot-pg-(\d+)-/

export default async function setup(project: TestProject) {
  await removeLeftovers()
  const folder = await mkdtemp(join(tmpdir(), `backlot-pg-${process.pid}-`))
  const postgres = await startEmbedded({ dataDirectory: join(folder, 'data'), socketDirectory: join(folder, 'run') })
  await migrate(postgres.ownerUrl, postgres.passwords)
  project.provide('databaseUrls', {
    owner: postgres.ownerUrl,
    server: postgres.urlFor('server'),
    gateway: postgres.urlFor('gateway'),
  })
  return async () => {
    await postgres.close()
    await rm(folder, { recursive: true, force: true })
  }
}

/** A run that was killed could not tear down: its PostgreSQL still runs, in a folder that carries the run's process id. */
async function removeLeftovers() {
  for (const name of await readdir(tmpdir())) {
    const pid = Number(NAME.exec(name)?.[1])
    if (Number.isNaN(pid) || isAlive(pid)) continue
    const folder = join(tmpdir(), name)
    await stopPostgres(join(folder, 'data', 'cluster'))
    await rm(folder, { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
