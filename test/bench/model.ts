import { Agent, request } from 'node:http'
import { type Figure, load, percentile } from './figure.ts'

const DURATION_MS = 3_000

/** One chat completion through the gateway against the same call straight to the provider; connections are kept alive. */
export async function benchModel(modelsPort: number, providerPort: number): Promise<Figure[]> {
  const measure = async (port: number) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const once = () => call(port, agent)
    await load(1, 500, once)
    const { durations } = await load(1, DURATION_MS, once)
    agent.destroy()
    return percentile(durations, 50)
  }
  const direct = await measure(providerPort)
  const ours = await measure(modelsPort)
  const added = ours - direct
  return [
    {
      what: 'latency that a model call gains, p50',
      ours: added,
      reference: { value: direct, against: 'the whole direct call' },
      unit: 'ms',
      aim: '≤ 1.5 ms',
      met: added <= 1.5,
    },
  ]
}

function call(port: number, agent: Agent): Promise<void> {
  const body = JSON.stringify({ model: 'backlot/default', messages: [{ role: 'user', content: 'Is it?' }] })
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const options = { port, host: '127.0.0.1', path: '/v1/chat/completions', method: 'POST', agent, headers }
    const sent = request(options, (response) => {
      response.resume()
      response.on('end', () => (response.statusCode === 200 ? resolve() : reject(new Error(`${response.statusCode}`))))
    })
    sent.on('error', reject)
    sent.end(body)
  })
}
