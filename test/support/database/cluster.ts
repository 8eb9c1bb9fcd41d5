import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbedded } from '../../../api/store/embedded.ts'
import { migrate } from '../../../api/store/migrate.ts'

/**
 * A migrated PostgreSQL of the test's own, to be stopped, frozen and killed at will. The URLs stay the same over restarts.
 * Its data is in a new folder in `within`.
 */
export async function testCluster({ within = tmpdir() } = {}) {
  const folder = await mkdtemp(join(within, 'backlot-own-'))
  const options = { dataDirectory: join(folder, 'data'), socketDirectory: join(folder, 'run') }
  const start = () => startEmbedded(options)
  const state = { postgres: await start() }
  await migrate(state.postgres.ownerUrl, state.postgres.passwords)
  const signalAll = async (signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT') => {
    // The postmaster first, as it was started first: it would otherwise clean up after its children.
    for (const pid of (await state.postgres.processes()).sort((a, b) => a - b)) sendSignal(pid, signal)
  }
  return {
    ...options,
    ownerUrl: state.postgres.ownerUrl,
    serverUrl: state.postgres.urlFor('server'),
    gatewayUrl: state.postgres.urlFor('gateway'),
    processes: () => state.postgres.processes(),
    freeze: () => signalAll('SIGSTOP'),
    thaw: () => signalAll('SIGCONT'),
    kill: () => signalAll('SIGKILL'),
    async start() {
      state.postgres = await start()
    },
    async close() {
      await signalAll('SIGCONT')
      await state.postgres.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
export type TestCluster = Awaited<ReturnType<typeof testCluster>>

function sendSignal(pid: number, signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT') {
  try {
    process.kill(pid, signal)
  } catch {
    // It ended with its postmaster.
  }
}
