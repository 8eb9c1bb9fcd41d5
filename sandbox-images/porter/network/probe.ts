import { execFile } from 'node:child_process'
import dgram from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { readFile, unlink, writeFile } from 'node:fs/promises'
import net from 'node:net'
import tls from 'node:tls'
import type { z } from 'zod'
import type { probePlan } from '../../../api/contract/programs/porter.ts'
import type { probeResult } from '../../../api/contract/prototypes.ts'

type Plan = z.infer<typeof probePlan>
type Result = z.infer<typeof probeResult>
type Outcome = Pick<Result, 'got' | 'detail'>

const PROXY = { port: 3128, host: '127.0.0.1' }
/** Everything that is refused is refused at once; only the allowed host needs a round trip through the world. */
const REFUSAL_TIMEOUT_MS = 2000
const ALLOWED_TIMEOUT_MS = 10_000

const refused = (detail: string): Outcome => ({ got: 'refused', detail })
const passed = (detail: string): Outcome => ({ got: 'passed', detail })
const failed = (detail: string): Outcome => ({ got: 'error', detail })
const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

/** What the kernel says when there is no way to an address. A timeout is not in the list: it proves nothing. */
const NO_ROUTE = ['ENETUNREACH', 'EHOSTUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EPERM', 'EACCES', 'ENETDOWN']
const byCode = (error: NodeJS.ErrnoException): Outcome =>
  NO_ROUTE.includes(error.code ?? '') ? refused(error.code ?? '') : failed(error.code ?? error.message)

function direct(host: string, port: number): Promise<Outcome> {
  const socket = net.connect({ host, port, timeout: REFUSAL_TIMEOUT_MS })
  return new Promise<Outcome>((resolve) => {
    socket.once('connect', () => resolve(passed(`connected to ${host}`)))
    socket.once('timeout', () => resolve(failed('no answer')))
    socket.once('error', (error) => resolve(byCode(error)))
    socket.once('close', () => resolve(failed('closed')))
  }).finally(() => socket.destroy())
}

function datagram(family: 'udp4' | 'udp6', host: string, port: number): Promise<Outcome> {
  const socket = dgram.createSocket(family)
  return new Promise<Outcome>((resolve) => {
    socket.on('error', (error) => resolve(byCode(error)))
    // A minimal DNS question: id 1, recursion desired, one question: the root, NS, IN.
    const question = Buffer.from('000101000001000000000000' + '0000020001', 'hex')
    socket.send(question, port, host, (error) => resolve(error ? byCode(error) : passed(`sent to ${host}`)))
  }).finally(() => socket.close())
}

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

async function write(path: string): Promise<Outcome> {
  try {
    await writeFile(path, '', { flag: 'wx' })
    await unlink(path)
    return passed(`wrote ${path}`)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : messageOf(error)
    return ['EROFS', 'EACCES', 'EPERM'].includes(code) ? refused(code) : failed(code)
  }
}

function run(argv: string[]): Promise<{ code: number | string; output: string }> {
  const [file = '', ...args] = argv
  return new Promise((resolve) => {
    execFile(file, args, { timeout: REFUSAL_TIMEOUT_MS }, (error, stdout, stderr) =>
      resolve({ code: error ? (error.code ?? 'killed') : 0, output: (stdout + stderr).trim().slice(0, 200) }),
    )
  })
}

/**
 * AF_PACKET 17, AF_ALG 38, AF_VSOCK 40, AF_XDP 44 and a raw ICMP socket: python3 can ask for any of them; isolated, or it would
 * import what was left in the workspace.
 */
async function socketFamilies(): Promise<Outcome> {
  const source = `
import socket
made = []
for family, kind, protocol in ((17, 3, 3), (38, 5, 0), (40, 1, 0), (44, 3, 0), (2, 3, 1), (16, 3, 9)):
    try:
        socket.socket(family, kind, protocol).close()
        made.append(str(family))
    except OSError:
        pass
print(','.join(made) or 'none')`
  const { code, output } = await run(['/usr/bin/python3', '-I', '-S', '-c', source])
  if (code !== 0) return failed(`${code} ${output}`)
  return output === 'none' ? refused('none could be made') : passed(`made ${output}`)
}

async function otherCards(): Promise<Outcome> {
  const lines = (await readFile('/proc/net/dev', 'utf8')).split('\n').slice(2)
  const cards = lines.map((line) => line.split(':')[0]?.trim()).filter((name) => name && name !== 'lo')
  return cards.length === 0 ? refused('only lo') : passed(cards.join(', '))
}

async function capabilities(): Promise<Outcome> {
  const status = await readFile('/proc/self/status', 'utf8')
  const sets = [...status.matchAll(/^Cap(?:Inh|Prm|Eff|Amb):\s*([0-9a-f]+)$/gm)].map((match) => match[1] ?? '')
  if (sets.length === 0) return failed('/proc/self/status names none')
  return sets.every((set) => /^0+$/.test(set)) ? refused('none held') : passed(sets.join(' '))
}

/** A copy of a program in a place that people write to. Expected to be refused when the policy says so. */
async function madeHere(wrap: (argv: string[]) => string[]): Promise<Outcome> {
  const path = `/workspace/.backlot-probe-${process.pid}`
  try {
    await writeFile(path, '#!/bin/sh\nexit 0\n', { mode: 0o755 })
    const { code, output } = await run(wrap([path]))
    return code === 0 ? passed('it ran') : refused(output || String(code))
  } catch (error) {
    return failed(messageOf(error))
  } finally {
    await unlink(path).catch(() => {})
  }
}

async function lookups(): Promise<Outcome> {
  return lookup('example.com').then(
    ({ address }) => passed(address),
    (error) => refused(messageOf(error)),
  )
}

/** Tries what must not work, and the one thing that must. All at once: under half a second where the gateway answers. */
export async function probe(plan: Plan, wrap: (argv: string[]) => string[]): Promise<Result[]> {
  const tried = (name: string, expected: Result['expected'], outcome: Promise<Outcome>) =>
    outcome
      .catch((error: unknown) => failed(messageOf(error)))
      .then((result): Result => ({ probe: name, expected, ...result }))

  const { allowed } = plan
  return Promise.all([
    tried('denied-name', 'refused', throughProxy('denied.backlot-probe.invalid:443')),
    tried('raw-address', 'refused', throughProxy('192.0.2.1:443')),
    tried('metadata-address', 'refused', throughProxy('169.254.169.254:80')),
    tried('gateway-host', 'refused', throughProxy('127.0.0.1:22')),
    tried('direct-tcp', 'refused', direct('1.1.1.1', 443)),
    tried('direct-ipv6', 'refused', direct('2606:4700:4700::1111', 443)),
    tried('direct-udp', 'refused', datagram('udp4', '1.1.1.1', 443)),
    tried('other-dns-server', 'refused', datagram('udp4', '8.8.8.8', 53)),
    tried('name-lookup', 'refused', lookups()),
    tried('write-root', 'refused', write('/usr/backlot-probe')),
    tried('write-sockets', 'refused', write('/run/backlot/backlot-probe')),
    tried('socket-families', 'refused', socketFamilies()),
    tried('network-card', 'refused', otherCards()),
    tried('capabilities', 'refused', capabilities()),
    ...(plan.workspaceExec ? [] : [tried('forbidden-executable', 'refused', madeHere(wrap))]),
    ...(allowed
      ? [
          tried(
            'other-server-name',
            'refused',
            handshake(allowed.host, allowed.port, 'other.backlot-probe.invalid', ALLOWED_TIMEOUT_MS),
          ),
          tried('allowed-host', 'passed', handshake(allowed.host, allowed.port, allowed.host, ALLOWED_TIMEOUT_MS)),
        ]
      : []),
  ])
}
