/** Vitest's global set-up: one PostgreSQL for all files of a project, with a migrated database that every test's is a copy of. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { startEmbedded } from '../../api/store/embedded.ts'
import { migrate } from '../../api/store/migrate.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    databaseUrls: { owner: string; server: string; gateway: string }
  }
}

export default async function setup(project: TestProject) {
  const folder = await mkdtemp(join(tmpdir(), 'backlot-pg-'))
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
