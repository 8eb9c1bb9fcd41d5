import { Pool } from 'undici'
import { z } from 'zod'
import { errorBody } from '../../contract/errors.ts'
import { ApiError } from '../../errors.ts'
import { lines } from '../../flow/lines.ts'

export interface Call {
  method: 'GET' | 'POST' | 'DELETE'
  path: string
  body?: unknown
  signal?: AbortSignal
  /** Until its answer begins. */
  patienceMs?: number
}

/** Creating a container may wait for a slow disk. */
const headersTimeoutMs = 60_000

/** Connections to the runner, made when used. Every method throws ApiError: the runner's own, or `runner_unavailable`. */
export function createRunnerConnection(socketPath: string) {
  const pool = new Pool('http://runner', { socketPath, connections: 16, headersTimeout: headersTimeoutMs })

  async function send({ method, path, body, signal, patienceMs = headersTimeoutMs }: Call, bodyTimeout: number) {
    const json = body === undefined ? null : JSON.stringify(body)
    const headers = json === null ? {} : { 'content-type': 'application/json' }
    const answer = await pool
      .request({
        ...{ method, path, headers, body: json, bodyTimeout, headersTimeout: patienceMs },
        ...(signal === undefined ? {} : { signal }),
      })
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

  return {
    ask,
    stream,
    /** For an answer without a body. */
    async order(call: Call): Promise<void> {
      const answer = await send(call, headersTimeoutMs)
      await answer.body.dump()
    },
    close: () => pool.destroy(),
  }
}

export function unavailable(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  const reason = error instanceof Error ? error.message : String(error)
  return new ApiError(
    'runner_unavailable',
    `The runner does not answer (${reason}). It is restarted by itself; try again.`,
  )
}
