import dgram from 'node:dgram'
import { once } from 'node:events'
import net from 'node:net'
import dnsPacket from 'dns-packet'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { answer, serveDns } from '../../../sandbox-images/porter/network/dns.ts'
import { closed } from '../../support/closed.ts'

let stub: Awaited<ReturnType<typeof serveDns>>
beforeAll(async () => {
  stub = await onFreePort()
})
afterAll(() => stub.close())

/** The stub needs one number for UDP and TCP: what is free for the one may be taken for the other. */
async function onFreePort(triesLeft = 10): Promise<typeof stub> {
  return serveDns(0).catch((error) => {
    if (triesLeft === 0) throw error
    return onFreePort(triesLeft - 1)
  })
}

const question = (type: dnsPacket.RecordType, name = 'example.com') =>
  dnsPacket.encode({ type: 'query', id: 7, flags: dnsPacket.RECURSION_DESIRED, questions: [{ type, name }] })

/** Changes bytes of a sound question; offsets by RFC 1035 section 4.1. */
function broken(change: (bytes: Buffer) => void, bytes = question('A')) {
  const copy = Buffer.from(bytes)
  change(copy)
  return copy
}

const rcodeOf = (reply: Buffer | null) => (reply === null ? null : (reply[3] ?? 0) & 0b1111)
const [NOERROR, FORMERR, NXDOMAIN, REFUSED] = [0, 1, 3, 5]
const secret = Buffer.alloc(40, 'x').toString('hex').slice(0, 60)

describe.each([
  ['D01 a secret in a label', question('A', `${secret}.evil.example`), NXDOMAIN],
  ['D02 a secret below an allowed wildcard', question('A', `${secret}.x.example.org`), NXDOMAIN],
  ['D04 AAAA', question('AAAA'), NOERROR],
  ['D04 HTTPS, whose answer could hold ECH', broken((bytes) => bytes.writeUInt16BE(65, bytes.length - 4)), NOERROR],
  ['D04 SVCB', broken((bytes) => bytes.writeUInt16BE(64, bytes.length - 4)), NOERROR],
  ['D04 TXT', question('TXT'), NOERROR],
  ['D04 ANY', broken((bytes) => bytes.writeUInt16BE(255, bytes.length - 4)), REFUSED],
  ['D04 AXFR', question('AXFR'), REFUSED],
  ['D04 class CHAOS', broken((bytes) => bytes.writeUInt16BE(3, bytes.length - 2)), REFUSED],
  ['D05 no question', broken((bytes) => bytes.writeUInt16BE(0, 4)), FORMERR],
  ['D05 two questions', broken((bytes) => bytes.writeUInt16BE(2, 4)), FORMERR],
  ['D05 opcode 4, NOTIFY', broken((bytes) => bytes.writeUInt8(4 << 3, 2)), FORMERR],
  ['D05 cut in the name', question('A').subarray(0, 16), FORMERR],
  ['D05 a compression loop', broken((bytes) => bytes.writeUInt16BE(0xc00c, 12)), FORMERR],
  ['D05 a pointer past the end', broken((bytes) => bytes.writeUInt16BE(0xcfff, 12)), FORMERR],
  ['D05 a label with CR LF', broken((bytes) => bytes.write('\r\n', 14)), NXDOMAIN],
  ['D05 a label that is not UTF-8', broken((bytes) => bytes.fill(0xff, 13, 20)), NXDOMAIN],
  ['D05 a response', broken((bytes) => bytes.writeUInt8(0x81, 2)), null],
  ['D05 a scrap', Buffer.from('abc'), null],
])('%s', (_title, query, rcode) => {
  test('gets the answer that leaves nothing', () => {
    const reply = answer(query)
    expect(rcodeOf(reply)).toBe(rcode)
    if (reply)
      expect({ id: reply.readUInt16BE(0), answers: reply.readUInt16BE(6) }).toEqual({
        id: query.readUInt16BE(0),
        answers: 0,
      })
  })
})

test('the stub lives after random packets, and still answers on UDP and TCP', async () => {
  const socket = dgram.createSocket('udp4')
  for (let seed = 1; seed < 500; seed++) {
    const bytes = Buffer.from(Array.from({ length: seed % 90 }, (_, index) => (seed * 31 + index * index * 7) & 255))
    expect(() => answer(bytes)).not.toThrow()
    socket.send(bytes, stub.port, '127.0.0.1')
  }
  const sound = (reply: Buffer) => reply.length > 12 && reply.readUInt16BE(0) === 7 && rcodeOf(reply) === NXDOMAIN
  // The kernel may have dropped datagrams of such a flood: a resolver asks again, too.
  const ask = () => socket.send(question('A'), stub.port, '127.0.0.1')
  const again = setInterval(ask, 100)
  await new Promise<void>((resolve) => socket.on('message', (reply) => sound(reply) && resolve()))
  clearInterval(again)
  socket.close()

  const tcp = net.connect(stub.port, '127.0.0.1')
  tcp.write(dnsPacket.streamEncode({ type: 'query', id: 7, questions: [{ type: 'A', name: 'example.com' }] }))
  const [reply] = await once(tcp, 'data')
  expect(sound(reply.subarray(2))).toBe(true)
  tcp.destroy()
})

test('D05 a TCP client that announces 64 kB is cut off', async () => {
  const tcp = net.connect(stub.port, '127.0.0.1')
  tcp.write(Buffer.from([0xff, 0xff, 1, 2, 3]))
  await closed(tcp)
})
