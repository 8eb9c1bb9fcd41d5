/** What this host can really enforce. Gathering is here; judging is pure, in judge.ts. */
import { readFile, stat, statfs } from 'node:fs/promises'
import type { DoctorReport } from '../../contract/programs/runner.ts'
import type { Engine } from '../docker.ts'
import type { Workspaces } from '../workspace.ts'
import { type HostFacts, judge } from './judge.ts'

export type DoctorOptions = { engine: Engine; workspaces: Workspaces }

/** How long `enforceable` may answer from memory: a create must not wait for the engine to count its images. */
const rememberedMs = 30_000

export function createDoctor({ engine, workspaces }: DoctorOptions) {
  let remembered: { at: number; report: Promise<DoctorReport> } | null = null

  async function examine(): Promise<DoctorReport> {
    const facts = await engine.facts().then(
      (answer) => ({ answer, error: null }),
      (error: unknown) => ({ answer: null, error: error instanceof Error ? error.message : String(error) }),
    )
    const host: HostFacts = {
      engine: facts.answer,
      engineError: facts.error,
      workspaceError: await workspaces.trial(),
      freeBytes: await workspaces.freeBytes().catch(() => 0),
      modules: (await text('/sys/kernel/security/lsm')).split(',').filter((name) => name !== ''),
      inotifyInstances: Number(await text('/proc/sys/fs/inotify/max_user_instances')),
      engineRoot: facts.answer === null ? 'unseen' : await placeOf(facts.answer.DockerRootDir, workspaces.root),
      engineRootFreeBytes: facts.answer === null ? null : await free(facts.answer.DockerRootDir),
    }
    return judge(host)
  }

  return {
    /** A fresh examination; takes up to a second. */
    examine,
    /** The last one, when it is recent and the engine was there; otherwise a fresh one. */
    async enforceable(): Promise<DoctorReport> {
      if (remembered === null || Date.now() - remembered.at > rememberedMs) {
        remembered = { at: Date.now(), report: examine() }
      }
      const report = await remembered.report
      if (report.runtimes.length === 0) remembered = null
      return report
    },
  }
}

async function text(path: string): Promise<string> {
  return readFile(path, 'utf8').then(
    (read) => read.trim(),
    () => '',
  )
}

async function placeOf(engineRoot: string, workspaces: string): Promise<HostFacts['engineRoot']> {
  const [images, own] = await Promise.all([engineRoot, workspaces].map((path) => stat(path).catch(() => null)))
  if (!images || !own) return 'unseen'
  return images.dev === own.dev ? 'same-disk' : 'own-disk'
}

async function free(path: string): Promise<number | null> {
  return statfs(path).then(
    (disk) => disk.bavail * disk.bsize,
    () => null,
  )
}
