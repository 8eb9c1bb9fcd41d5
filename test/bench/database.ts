import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbedded } from '../../api/store/embedded.ts'
import { migrate } from '../../api/store/migrate.ts'

/** A PostgreSQL of the benchmark's own: what it writes must not be in anybody's log. */
export async function benchDatabase() {
  const folder = await mkdtemp(join(tmpdir(), 'bl-bench-'))
  const postgres = await startEmbedded({ dataDirectory: join(folder, 'data'), socketDirectory: join(folder, 'run') })
  await migrate(postgres.ownerUrl, postgres.passwords)
  return {
    ownerUrl: postgres.ownerUrl,
    gatewayUrl: postgres.urlFor('gateway'),
    async close() {
      await postgres.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
export type BenchDatabase = Awaited<ReturnType<typeof benchDatabase>>
