import { Agent, request } from 'undici'
import { z } from 'zod'
import type { Provider, ProviderTest } from '../../../contract/models.ts'
import { upstreamHeaders } from '../wire/headers.ts'
import { AddressNotLocal, createProviderConnect } from './connect.ts'

const TIMEOUT_MS = 10_000
const MAX_BYTES = 2 * 1_048_576
const MAX_MODELS = 500

/** OpenAI, Anthropic and Ollama's OpenAI-compatible endpoint all answer this shape. */
const list = z.object({ data: z.array(z.object({ id: z.string().max(200) })) })

/** GET /v1/models with the provider's key. Never throws: what went wrong is the message, for an admin, without the answer's own text. */
export async function askForModels(provider: Provider, key: string | null): Promise<ProviderTest> {
  const failed = (message: string): ProviderTest => ({ ok: false, message, models: [] })
  const dispatcher = new Agent({ connect: createProviderConnect(provider) })
  try {
    const { statusCode, body } = await request(`${provider.baseUrl}/v1/models`, {
      method: 'GET',
      headers: upstreamHeaders(provider.kind, provider.kind === 'anthropic' ? 'messages' : 'chat', key, {}),
      signal: AbortSignal.timeout(TIMEOUT_MS),
      dispatcher,
    })
    body.on('error', () => undefined)
    if (statusCode !== 200) {
      body.destroy()
      return failed(whyNot(statusCode))
    }
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of body) {
      if (!Buffer.isBuffer(chunk)) continue
      bytes += chunk.length
      if (bytes > MAX_BYTES) return failed('It answered with more than a list of models. Check the address.')
      chunks.push(chunk)
    }
    const models = list.parse(JSON.parse(Buffer.concat(chunks).toString('utf8'))).data.map(({ id }) => id)
    const shown = models.slice(0, MAX_MODELS)
    return {
      ok: true,
      message: `It answers and offers ${models.length} ${models.length === 1 ? 'model' : 'models'}.`,
      models: shown,
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : ''
    if (error instanceof Error && error.name === 'TimeoutError')
      return failed('It did not answer within ten seconds. Check the address.')
    if (error instanceof AddressNotLocal) return failed(NOT_LOCAL)
    if (error instanceof z.ZodError || error instanceof SyntaxError)
      return failed('It answered, but not with a list of models. Check the address: enter the base URL, without /v1.')
    return failed(`It could not be reached${code}. Check the address, and that this machine may reach it.`)
  } finally {
    void dispatcher.destroy()
  }
}

const NOT_LOCAL =
  'It is said to run on your own machines, but its address is not one of a private network, so nothing was sent there. Check the address, choose "In the cloud", or accept a public address.'

function whyNot(status: number): string {
  if (status === 401 || status === 403) return `It refused the key (${status}). Enter the key again.`
  if (status === 404)
    return 'It answers, but has no /v1/models there (404). Check the address: enter the base URL, without /v1.'
  if (status >= 300 && status < 400)
    return `It sends elsewhere (${status}), which is not followed. Enter the address that it really has.`
  return `It answered ${status}. Check the address, or try again later.`
}
