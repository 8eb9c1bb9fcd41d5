import { readdir, readFile, readlink, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** After SIGINT ("fast shutdown") PostgreSQL writes a checkpoint; after this it is killed, which only costs recovery at the next start. */
const STOP_TIMEOUT_MS = 10_000
const POLL_MS = 25

/** Every PostgreSQL process that works in this data directory, the postmaster's orphans included. */
export async function processesIn(dataDirectory: string): Promise<number[]> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name)).map(Number)
  const found = await Promise.all(
    pids.map(async (pid) => {
      const [program, directory] = await Promise.all([linkOf(pid, 'exe'), linkOf(pid, 'cwd')])
      return basename(program).startsWith('postgres') && directory === dataDirectory
    }),
  )
  return pids.filter((_pid, index) => found[index])
}

/** A process that has gone, or that we may not look into, is not ours. */
const linkOf = (pid: number, name: 'exe' | 'cwd') => readlink(`/proc/${pid}/${name}`).catch(() => '')

/**
 * Stops whatever still works in the data directory: the postmaster in order, or, where it was killed, what it left behind:
 * a new one refuses to start while a backend of the old one is attached to its shared memory. Removes a postmaster.pid
 * that names nobody of ours: after a reboot the number may belong to another process of the same user.
 */
export async function stopPostgres(dataDirectory: string): Promise<void> {
  const pidFile = join(dataDirectory, 'postmaster.pid')
  const running = await processesIn(dataDirectory)
  const postmaster = Number((await readFile(pidFile, 'utf8').catch(() => '')).split('\n')[0])
  if (running.includes(postmaster)) {
    // One that was stopped (SIGSTOP) does not hear anything else.
    for (const pid of running) signal(pid, 'SIGCONT')
    signal(postmaster, 'SIGINT')
    if (await emptied(dataDirectory, STOP_TIMEOUT_MS)) return
  }
  for (const pid of await processesIn(dataDirectory)) signal(pid, 'SIGKILL')
  if (!(await emptied(dataDirectory, STOP_TIMEOUT_MS))) {
    throw new Error(`PostgreSQL still runs in ${dataDirectory} and cannot be stopped.`)
  }
  await rm(pidFile, { force: true })
}

async function emptied(dataDirectory: string, timeoutMs: number): Promise<boolean> {
  const until = performance.now() + timeoutMs
  while ((await processesIn(dataDirectory)).length > 0) {
    if (performance.now() > until) return false
    await delay(POLL_MS)
  }
  return true
}

function signal(pid: number, name: 'SIGINT' | 'SIGCONT' | 'SIGKILL') {
  try {
    process.kill(pid, name)
  } catch {
    // It ended by itself between the look and the signal.
  }
}
