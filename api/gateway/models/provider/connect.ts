import { isIP } from 'node:net'
import { buildConnector } from 'undici'
import type { Provider } from '../../../contract/models.ts'
import { classifyAddress } from '../../../policy/address.ts'
import { createProviderLookup, type FindAll } from './lookup.ts'

/** A provider that is said to run on our own machines, at an address that anybody may have. */
export class AddressNotLocal extends Error {
  constructor(host: string) {
    super(`${host} is not an address of a private network.`)
    this.name = 'AddressNotLocal'
  }
}

type Placed = Pick<Provider, 'place' | 'unsafeLocal'>

/** Whether only addresses of private networks, and of this machine, may be dialled for it. */
export const staysLocal = ({ place, unsafeLocal }: Placed): boolean => place === 'local' && !unsafeLocal

/** RFC 1918, fc00::/7, loopback. Carriers' networks (100.64.0.0/10) are shared with strangers: an admin has to accept one. */
const LOCAL = ['private', 'ula', 'loopback']
export function isLocalAddress(address: string): boolean {
  return LOCAL.includes(classifyAddress(address, { own: new Set(), permitted: [] }).class)
}

/** An address without a name in front of it. */
export const literalIn = (hostname: string): string | null => {
  const host = hostname.replace(/^\[|\]$/g, '')
  return isIP(host) > 0 ? host : null
}

/**
 * How connections to a provider are made: every address is judged at the moment of dialling, which is when it counts. Names are
 * judged by what they mean then, in `lookup`; node:net asks it for nothing that is an address already.
 */
export function createProviderConnect(
  provider: Placed,
  { timeoutMs, findAll }: { timeoutMs?: number; findAll?: FindAll } = {},
): buildConnector.connector {
  const judge = staysLocal(provider) ? isLocalAddress : () => true
  const lookup = createProviderLookup((host, address) => (judge(address) ? null : new AddressNotLocal(host)), findAll)
  const connect = buildConnector({ lookup, ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }) })
  return (options, done) => {
    const literal = literalIn(options.hostname)
    if (literal !== null && !judge(literal)) return done(new AddressNotLocal(literal), null)
    return connect(options, done)
  }
}
