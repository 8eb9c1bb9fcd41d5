/** What an IP address is, before anybody dials it. Special-purpose ranges: RFC 6890 and the IANA registries. */
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

export type AddressClass =
  | 'public'
  | 'private'
  | 'cgnat'
  | 'ula'
  | 'reserved'
  | 'loopback'
  | 'link-local'
  | 'metadata'
  | 'self'
  | 'multicast'
  | 'broadcast'
  | 'unspecified'
  | 'invalid'

export interface AddressContext {
  /** This machine's own addresses, canonical as `canonicalAddress` writes them. */
  own: ReadonlySet<string>
  /** CIDRs that the rule permits besides public addresses. */
  permitted: readonly string[]
}

/** Only these can be permitted by a rule. Loopback, link-local, metadata, this machine and multicast never are. */
const PERMITTABLE = new Set<AddressClass>(['private', 'cgnat', 'ula', 'reserved'])

/** Credential services of clouds, some of them outside the link-local range. */
const METADATA = new Set([
  '169.254.169.254', // most clouds
  '169.254.169.253', // AWS resolver
  '169.254.170.2', // ECS task roles
  '169.254.170.23', // EKS pod identity
  '100.100.100.200', // Alibaba
  '168.63.129.16', // Azure, in public space
  '192.0.0.192', // Oracle
  'fd00:ec2::254',
  'fd00:ec2::253',
  'fd00:ec2::23',
  'fd20:ce::254', // Google
])

const V4: Record<string, AddressClass> = {
  unicast: 'public',
  private: 'private',
  carrierGradeNat: 'cgnat',
  loopback: 'loopback',
  linkLocal: 'link-local',
  multicast: 'multicast',
  broadcast: 'broadcast',
  unspecified: 'unspecified',
}
const V6: Record<string, AddressClass> = {
  unicast: 'public',
  uniqueLocal: 'ula',
  loopback: 'loopback',
  linkLocal: 'link-local',
  multicast: 'multicast',
  unspecified: 'unspecified',
}
/** Documentation ranges (RFC 5737) name nothing internal, and closed test networks use them as if they were public. */
const DOCUMENTATION = ['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24'].map((range) => ipaddr.IPv4.parseCIDR(range))
const NAT64 = ipaddr.IPv6.parseCIDR('64:ff9b::/96')
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3')

/** One spelling for each address: no zone id, IPv4-mapped IPv6 as IPv4. Null when it is not an address. */
export function canonicalAddress(ip: string): string | null {
  if (isIP(ip) === 0) return null
  // The library reads `::8.8.8.8` as `::ffff:8.8.8.8`, which is another address: the dotted part is written out first.
  const plain = ip
    .replace(/%.*$/, '')
    .replace(/(?<=:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_all, ...bytes: string[]) =>
      [0, 2].map((at) => (Number(bytes[at]) * 256 + Number(bytes[at + 1])).toString(16)).join(':'),
    )
  return ipaddr.process(plain).toString()
}

/** Whether it is an address, or a network as `10.0.0.0/24`, other than the one of all addresses. */
export function isNetwork(text: string): boolean {
  return isIP(text) > 0 || (ipaddr.isValidCIDR(text) && !/\/0+$/.test(text))
}

/** The network of an IPv6 address, as `2001:db8:1:2::/64`. */
export function networkOf(address: string, bits: number): string {
  const parts = ipaddr.IPv6.parse(address).parts.slice(0, bits / 16)
  return `${parts.map((part) => part.toString(16)).join(':')}::/${bits}`
}

/**
 * The class of an address and whether it may be dialled. An IPv4 address inside an IPv6 one is judged by itself; a transition
 * mechanism whose inner address is harmless is still `reserved`, but for NAT64's well-known prefix, which DNS64 networks need.
 */
export function classifyAddress(ip: string, { own, permitted }: AddressContext): { ok: boolean; class: AddressClass } {
  const canonical = canonicalAddress(ip)
  if (canonical === null) return { ok: false, class: 'invalid' }
  const address = ipaddr.parse(canonical)
  const judged = address instanceof ipaddr.IPv6 ? classifyV6(address, own) : classifyV4(address, own)
  const ok = judged.class === 'public' || (PERMITTABLE.has(judged.class) && covered(judged.address, permitted))
  return { ok, class: judged.class }
}

interface Judged {
  class: AddressClass
  /** The address that decided: the embedded one where there is one. */
  address: ipaddr.IPv4 | ipaddr.IPv6
}

function classifyV4(address: ipaddr.IPv4, own: ReadonlySet<string>): Judged {
  const text = address.toString()
  if (METADATA.has(text)) return { class: 'metadata', address }
  const found = V4[address.range()]
  if (found === 'loopback' || found === 'unspecified') return { class: found, address }
  if (own.has(text)) return { class: 'self', address }
  if (DOCUMENTATION.some((range) => address.match(range))) return { class: 'public', address }
  return { class: found ?? 'reserved', address }
}

function classifyV6(address: ipaddr.IPv6, own: ReadonlySet<string>): Judged {
  const text = address.toString()
  if (METADATA.has(text)) return { class: 'metadata', address }
  const found = V6[address.range()]
  if (found === 'loopback' || found === 'unspecified') return { class: found, address }
  if (own.has(text)) return { class: 'self', address }
  const inner = embedded(address).map((v4) => classifyV4(v4, own))
  const bad = inner.find((judged) => judged.class !== 'public')
  if (bad) return bad
  if (address.match(NAT64)) return { class: 'public', address }
  if (inner.length > 0) return { class: 'reserved', address }
  if (found === 'public' && !address.match(GLOBAL_UNICAST)) return { class: 'reserved', address }
  return { class: found ?? 'reserved', address }
}

/** Every IPv4 address that some machine on the way may unwrap from an IPv6 one. */
function embedded(address: ipaddr.IPv6): ipaddr.IPv4[] {
  const bytes = address.toByteArray()
  const at = (...offsets: number[]) => new ipaddr.IPv4(offsets.map((offset) => bytes[offset] ?? 0))
  const flipped = (...offsets: number[]) => new ipaddr.IPv4(offsets.map((offset) => (bytes[offset] ?? 0) ^ 0xff))
  const within = (cidr: string) => address.match(ipaddr.IPv6.parseCIDR(cidr))
  const last = at(12, 13, 14, 15)
  if (address.match(NAT64)) return [last] // RFC 6052
  if (within('64:ff9b:1::/48')) return [last, at(6, 7, 9, 10)] // local NAT64, RFC 8215: /96 or /48 inside it
  if (within('2002::/16')) return [at(2, 3, 4, 5)] // 6to4, RFC 3056
  if (within('2001::/32')) return [at(4, 5, 6, 7), flipped(12, 13, 14, 15)] // Teredo, RFC 4380: server, client
  if (within('::/96')) return [last] // IPv4-compatible, RFC 4291
  if (within('::ffff:0:0/96') || within('::ffff:0:0:0/96')) return [last] // mapped; translated, RFC 2765
  // ISATAP, RFC 5214: any prefix, interface identifier [02]00:5efe:<IPv4>.
  const isatap = ((bytes[8] ?? 0) & 0xfd) === 0 && bytes[9] === 0 && bytes[10] === 0x5e && bytes[11] === 0xfe
  return isatap ? [last] : []
}

function covered(address: ipaddr.IPv4 | ipaddr.IPv6, permitted: readonly string[]): boolean {
  return permitted.some((cidr) => {
    if (!ipaddr.isValidCIDR(cidr)) return false
    const [network, bits] = ipaddr.parseCIDR(cidr)
    return network.kind() === address.kind() && address.match(network, bits)
  })
}
