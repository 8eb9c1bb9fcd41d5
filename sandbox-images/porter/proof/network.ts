import net from 'node:net'
import tls from 'node:tls'
import type { z } from 'zod'
import type { probePlan } from '../../../api/contract/programs/porter.ts'
import type { probeResult } from '../../../api/contract/prototypes.ts'

type Plan = z.infer<typeof probePlan>
type Result = z.infer<typeof probeResult>
type Outcome = Pick<Result, 'got' | 'detail'>
export type Tried = [name: string, expected: Result['expected'], outcome: Promise<Outcome>]

const PROXY = { port: 3128, host: '127.0.0.1' }
/** Everything that is refused is refused at once; only the allowed host needs a round trip through the world. */
const REFUSAL_TIMEOUT_MS = 2000
const ALLOWED_TIMEOUT_MS = 10_000

const refused = (detail: string): Outcome => ({ got: 'refused', detail })
const passed = (detail: string): Outcome => ({ got: 'passed', detail })
const failed = (detail: string): Outcome => ({ got: 'error', detail })
const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

/** Asks the proxy for a tunnel and hands over the socket when it is granted. */
function tunnel(authority: string, timeout: number): Promise<{ outcome: Outcome; socket: net.Socket }> {
  return new Promise((resolve) => {
    const socket = net.connect({ ...PROXY, timeout })
    let head = ''
    const done = (outcome: Outcome) => resolve({ outcome, socket })
    socket.once('connect', () => socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`))
    socket.on('data', function read(bytes) {
      head += bytes.toString('latin1')
      if (!head.includes('\r\n\r\n')) return
      socket.off('data', read)
      socket.pause()
      const status = Number(head.split(' ')[1])
      const reason = /^x-backlot-reason: *(.*)$/im.exec(head)?.[1] ?? ''
      if (status === 200) done(passed('the tunnel was opened'))
      else if (status === 403 || status === 400) done(refused(`${status} ${reason}`.trim()))
      else done(failed(`${status} ${reason}`.trim()))
    })
    socket.once('timeout', () => done(failed('no answer from the proxy')))
    socket.once('error', (error) => done(failed(messageOf(error))))
    socket.once('close', () => done(failed('the proxy closed the connection')))
  })
}

async function throughProxy(authority: string): Promise<Outcome> {
  const { outcome, socket } = await tunnel(authority, REFUSAL_TIMEOUT_MS)
  socket.destroy()
  return outcome
}

/** A tunnel to `host`, and a TLS handshake in it for `servername`. */
async function handshake(host: string, port: number, servername: string, timeout: number): Promise<Outcome> {
  const { outcome, socket } = await tunnel(`${host}:${port}`, timeout)
  if (outcome.got !== 'passed') {
    socket.destroy()
    return outcome
  }
  return new Promise<Outcome>((resolve) => {
    // The probe asks who may talk to whom; certificates are judged by the programs that send something.
    const secure = tls.connect({ socket, servername, rejectUnauthorized: false })
    secure.once('secureConnect', () => resolve(passed(`TLS for ${servername}`)))
    secure.once('error', (error) => resolve(refused(messageOf(error))))
    secure.once('close', () => resolve(refused('closed before the handshake')))
    socket.once('timeout', () => resolve(failed('no handshake')))
  }).finally(() => socket.destroy())
}

/** What may be reached through the proxy, and what may not. Whichever user asks, the gateway answers the same. */
export function tryNetwork({ allowed }: Pick<Plan, 'allowed'>): Tried[] {
  const refusals: Tried[] = [
    ['denied-name', 'refused', throughProxy('denied.backlot-probe.invalid:443')],
    ['raw-address', 'refused', throughProxy('192.0.2.1:443')],
    ['metadata-address', 'refused', throughProxy('169.254.169.254:80')],
    ['gateway-host', 'refused', throughProxy('127.0.0.1:22')],
  ]
  if (!allowed) return refusals
  const { host, port } = allowed
  return [
    ...refusals,
    ['other-server-name', 'refused', handshake(host, port, 'other.backlot-probe.invalid', ALLOWED_TIMEOUT_MS)],
    ['allowed-host', 'passed', handshake(host, port, host, ALLOWED_TIMEOUT_MS)],
  ]
}
