import { isIPv6 } from 'node:net'
import { canonicalAddress, networkOf } from '../../policy/address.ts'

/** What one IPv6 site is given at the least (RFC 6177). */
const SITE_BITS = 64

/** One sender, for counting: an IPv4 address, or the /64 of an IPv6 one. */
export function senderOf(ip: string): string {
  const canonical = canonicalAddress(ip)
  if (canonical === null) return ip
  return isIPv6(canonical) ? networkOf(canonical, SITE_BITS) : canonical
}
