import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { canonicalAddress } from '../../policy/address.ts'
import type { Dial } from './reach.ts'

/** Opens a TCP connection to exactly this address: no name is looked up again. Half-open, so that a client's FIN passes through. */
export const dialAddress: Dial = ({ address, port, timeoutMs }) =>
  new Promise((connected, failed) => {
    const socket = connect({ host: address, port, noDelay: true, keepAlive: true, allowHalfOpen: true })
    const timer = setTimeout(() => {
      failed(Object.assign(new Error('The connection was not made in time.'), { code: 'ETIMEDOUT' }))
      socket.destroy()
    }, timeoutMs)
    socket.once('error', (error) => {
      clearTimeout(timer)
      failed(error)
    })
    socket.once('connect', () => {
      clearTimeout(timer)
      connected(socket)
    })
  })

/** This machine's addresses; read again when they are older than `freshMs`, since interfaces come and go. */
export function createOwnAddresses(freshMs = 10_000): () => ReadonlySet<string> {
  let known: { at: number; addresses: ReadonlySet<string> } | null = null
  return () => {
    const now = performance.now()
    if (!known || now - known.at > freshMs) known = { at: now, addresses: readOwn() }
    return known.addresses
  }
}

function readOwn(): ReadonlySet<string> {
  const found = Object.values(networkInterfaces()).flatMap((entries) => entries ?? [])
  return new Set(found.flatMap(({ address }) => canonicalAddress(address) ?? []))
}
