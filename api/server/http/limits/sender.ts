import { isIPv6 } from 'node:net'
import type { FastifyRequest } from 'fastify'
import { canonicalAddress, networkOf } from '../../../policy/address.ts'

/** What one IPv6 site is given at the least (RFC 6177). */
const SITE_BITS = 64

/**
 * The address that a request comes from: the connection's, or the right-most one of X-Forwarded-For that no trusted proxy
 * has, when a trusted proxy made the connection. When that is no address, the connection's: everybody behind the proxy is then one.
 */
export function addressOf({ ip, socket }: Pick<FastifyRequest, 'ip' | 'socket'>): string {
  return canonicalAddress(ip) ?? canonicalAddress(socket.remoteAddress ?? '') ?? 'unknown'
}

/** One sender, for counting: an IPv4 address, or the /64 of an IPv6 one. */
export function senderOf(address: string): string {
  const canonical = canonicalAddress(address)
  if (canonical === null) return address
  return isIPv6(canonical) ? networkOf(canonical, SITE_BITS) : canonical
}
