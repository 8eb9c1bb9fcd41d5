import dgram from 'node:dgram'
import net from 'node:net'
import dnsPacket from 'dns-packet'

/** RFC 1035 section 4.1.1. */
const HEADER_BYTES = 12
const RESPONSE = 0x80
const FORMERR = 1
const NXDOMAIN = 3
const REFUSED = 5
/** RFC 1035 4.2.2 has no limit for a client; this is the largest question that anybody needs. */
const QUESTION_LIMIT_BYTES = 4096
const TCP_CLIENTS = 32
const TCP_IDLE_MS = 5000

const refused = (query: Buffer, code: number) => {
  const answer = Buffer.alloc(HEADER_BYTES)
  query.copy(answer, 0, 0, 2)
  answer[2] = RESPONSE
  answer[3] = code
  return answer
}

/**
 * Nothing is looked up: a sandbox names its destination to the proxy, and only the gateway resolves. Addresses do not
 * exist (NXDOMAIN, so that programs fail at once), other records are empty, zone transfers and ANY are refused, and no
 * HTTPS record ever offers ECH. Returns null where no answer is the right one (RFC 1035 7.3: responses, scraps).
 */
export function answer(query: Buffer): Buffer | null {
  if (query.length < HEADER_BYTES || ((query[2] ?? 0) & RESPONSE) !== 0) return null
  try {
    const { questions = [], id, flag_rd: recursion } = dnsPacket.decode(query)
    const [question] = questions
    const opcode = ((query[2] ?? 0) >> 3) & 0b1111
    if (opcode !== 0 || !question || questions.length !== 1) return refused(query, FORMERR)
    const type = String(question.type)
    if (String(question.class) !== 'IN' || ['ANY', 'AXFR', 'IXFR'].includes(type)) return refused(query, REFUSED)
    const code = type === 'A' ? NXDOMAIN : 0
    return dnsPacket.encode({
      type: 'response',
      id: id ?? 0,
      flags: code | (recursion ? dnsPacket.RECURSION_DESIRED : 0) | dnsPacket.RECURSION_AVAILABLE,
      questions: [question],
    })
  } catch {
    return refused(query, FORMERR)
  }
}

function serveTcp(socket: net.Socket) {
  let pending = Buffer.alloc(0)
  socket.setTimeout(TCP_IDLE_MS, () => socket.destroy())
  socket.on('error', () => socket.destroy())
  socket.on('data', (bytes: Buffer) => {
    pending = Buffer.concat([pending, bytes])
    while (pending.length >= 2) {
      const length = pending.readUInt16BE(0)
      if (length > QUESTION_LIMIT_BYTES) return socket.destroy()
      if (pending.length < 2 + length) return
      const reply = answer(pending.subarray(2, 2 + length))
      pending = pending.subarray(2 + length)
      if (!reply) return socket.destroy()
      const framed = Buffer.alloc(2 + reply.length)
      framed.writeUInt16BE(reply.length, 0)
      reply.copy(framed, 2)
      if (!socket.write(framed)) return socket.destroy()
    }
  })
}

/** The stub on 127.0.0.1, UDP and TCP. Rejects when the port cannot be had. */
export async function serveDns(port: number): Promise<{ port: number; close(): void }> {
  const udp = dgram.createSocket('udp4')
  const tcp = net.createServer(serveTcp)
  tcp.maxConnections = TCP_CLIENTS
  udp.on('message', (query, { port: from, address }) => {
    const reply = answer(query)
    if (reply) udp.send(reply, from, address, () => {})
  })
  await new Promise((resolve, reject) => {
    udp.once('error', reject)
    udp.bind(port, '127.0.0.1', () => resolve(null))
  })
  const bound = udp.address().port
  await new Promise((resolve, reject) => {
    tcp.once('error', reject)
    tcp.listen(bound, '127.0.0.1', () => resolve(null))
  })
  // A client that has gone away makes a later receive fail (ICMP port unreachable): not a reason to stop.
  udp.on('error', () => {})
  tcp.on('error', () => {})
  return {
    port: bound,
    close() {
      udp.close()
      tcp.close()
    },
  }
}
