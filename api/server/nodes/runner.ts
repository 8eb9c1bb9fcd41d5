/** The server's way to the runner: one method for each verb, every answer parsed. Made once; `close()` ends its connections. */
import {
  doctorReport,
  type ImageProgress,
  imageProgress,
  type RunnerEvent,
  runnerEvent,
  runnerHealth,
  runnerSandbox,
  runnerSandboxList,
  type SandboxSpec,
  sandboxStats,
} from '../../contract/programs/runner.ts'
import { ApiError } from '../../errors.ts'
import { createRunnerConnection, unavailable } from './runner-connection.ts'

/** A build says something at least this often. */
const silenceTimeoutMs = 600_000
/** More than a full workspace takes on a slow disk (runner/resize.ts). */
const RESIZE_PATIENCE_MS = 660_000

export type RunnerClient = ReturnType<typeof createRunnerClient>

/** Every method throws ApiError: the runner's own, or `runner_unavailable` when it does not answer. */
export function createRunnerClient(socketPath: string) {
  const { ask, stream, order, close } = createRunnerConnection(socketPath)
  const one = (id: string, verb = '') => `/v1/sandboxes/${encodeURIComponent(id)}${verb}`
  const act = (id: string, verb: string) => ask(runnerSandbox, { method: 'POST', path: one(id, verb) })

  return {
    health: () => ask(runnerHealth, { method: 'GET', path: '/healthz' }),
    doctor: () => ask(doctorReport, { method: 'GET', path: '/v1/doctor' }),
    list: async () => (await ask(runnerSandboxList, { method: 'GET', path: '/v1/sandboxes' })).items,
    get: (id: string) => ask(runnerSandbox, { method: 'GET', path: one(id) }),
    /** A workspace that gets another size is copied first. */
    create: (spec: SandboxSpec) =>
      ask(runnerSandbox, { method: 'POST', path: '/v1/sandboxes', body: spec, patienceMs: RESIZE_PATIENCE_MS }),
    start: (id: string) => act(id, '/start'),
    stop: (id: string) => act(id, '/stop'),
    pause: (id: string) => act(id, '/pause'),
    unpause: (id: string) => act(id, '/unpause'),
    stats: (id: string) => ask(sandboxStats, { method: 'GET', path: one(id, '/stats') }),
    remove: (id: string, workspace: 'remove' | 'keep' = 'remove') =>
      order({ method: 'DELETE', path: `${one(id)}?workspace=${workspace}` }),
    /** Builds what `tools` need and resolves to the image's name. Throws ApiError with the last lines of the build. */
    async ensureImage(tools: readonly string[], report: (progress: ImageProgress) => void = () => {}): Promise<string> {
      const call = { method: 'POST' as const, path: '/v1/images', body: { tools } }
      for await (const progress of stream(imageProgress, call, silenceTimeoutMs)) {
        if (progress.type === 'done') return progress.image
        if (progress.type === 'failed') throw new ApiError('internal', progress.message)
        report(progress)
      }
      throw unavailable(new Error('the build was cut off'))
    },
    /** What happens to containers, until `signal` ends it or the runner goes away (then it throws or ends: call again). */
    events(signal: AbortSignal): AsyncGenerator<RunnerEvent> {
      return stream(runnerEvent, { method: 'GET', path: '/v1/events', signal }, 0)
    },
    close,
  }
}
