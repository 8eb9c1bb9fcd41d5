/** The server's way to the runner: one method for each verb, every answer parsed. Made once; `close()` ends its connections. */
import { Pool } from 'undici'
import { z } from 'zod'
import { errorBody } from '../../contract/errors.ts'
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
} from '../../contract/runner.ts'
import { ApiError } from '../../errors.ts'
import { lines } from '../../flow/lines.ts'

type Method = 'GET' | 'POST' | 'DELETE'
type Call = { method: Method; path: string; body?: unknown; signal?: AbortSignal }

/** Creating a container may wait for a slow disk; a build says something at least this often. */
const headersTimeoutMs = 60_000
const silenceTimeoutMs = 600_000

export type RunnerClient = ReturnType<typeof createRunnerClient>

/** Every method throws ApiError: the runner's own, or `runner_unavailable` when it does not answer. */
export function createRunnerClient(socketPath: string) {
  const pool = new Pool('http://runner', { socketPath, connections: 16, headersTimeout: headersTimeoutMs })

  async function send({ method, path, body, signal }: Call, bodyTimeout: number) {
    const json = body === undefined ? null : JSON.stringify(body)
    const headers = json === null ? {} : { 'content-type': 'application/json' }
    const answer = await pool
      .request({ method, path, headers, body: json, bodyTimeout, ...(signal === undefined ? {} : { signal }) })
      .catch((error: unknown) => {
        throw unavailable(error)
      })
    if (answer.statusCode < 400) return answer
    const said = errorBody.safeParse(await answer.body.json().catch(() => null))
    if (!said.success) throw unavailable(new Error(`status ${answer.statusCode}`))
    throw new ApiError(said.data.error.code, said.data.error.message)
  }

  async function ask<T>(schema: z.ZodType<T>, call: Call): Promise<T> {
    const answer = await send(call, headersTimeoutMs)
    return schema.parse(await answer.body.json())
  }

  async function* stream<T>(schema: z.ZodType<T>, call: Call, bodyTimeout: number): AsyncGenerator<T> {
    const answer = await send(call, bodyTimeout)
    try {
      for await (const line of lines(answer.body)) yield schema.parse(JSON.parse(line))
    } catch (error) {
      if (call.signal?.aborted) return
      throw error instanceof z.ZodError ? error : unavailable(error)
    }
  }

  const one = (id: string, verb = '') => `/v1/sandboxes/${encodeURIComponent(id)}${verb}`
  const act = (id: string, verb: string) => ask(runnerSandbox, { method: 'POST', path: one(id, verb) })

  return {
    health: () => ask(runnerHealth, { method: 'GET', path: '/healthz' }),
    doctor: () => ask(doctorReport, { method: 'GET', path: '/v1/doctor' }),
    list: async () => (await ask(runnerSandboxList, { method: 'GET', path: '/v1/sandboxes' })).items,
    get: (id: string) => ask(runnerSandbox, { method: 'GET', path: one(id) }),
    create: (spec: SandboxSpec) => ask(runnerSandbox, { method: 'POST', path: '/v1/sandboxes', body: spec }),
    start: (id: string) => act(id, '/start'),
    stop: (id: string) => act(id, '/stop'),
    pause: (id: string) => act(id, '/pause'),
    unpause: (id: string) => act(id, '/unpause'),
    stats: (id: string) => ask(sandboxStats, { method: 'GET', path: one(id, '/stats') }),
    async remove(id: string, workspace: 'remove' | 'keep' = 'remove'): Promise<void> {
      const answer = await send({ method: 'DELETE', path: `${one(id)}?workspace=${workspace}` }, headersTimeoutMs)
      await answer.body.dump()
    },
    /** Builds what `tools` need and resolves to the image's name. Throws ApiError with the build's last words. */
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
    close: () => pool.destroy(),
  }
}

function unavailable(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  const reason = error instanceof Error ? error.message : String(error)
  return new ApiError(
    'runner_unavailable',
    `The runner does not answer (${reason}). It is restarted by itself; try again.`,
  )
}
