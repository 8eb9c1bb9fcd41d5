import { lookup as systemLookup } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { canonicalAddress, classifyAddress } from '../../../policy/address.ts'
import { canonicalHost } from '../../../policy/host.ts'

export type FindAll = (
  host: string,
  options: { all: true },
  done: (error: NodeJS.ErrnoException | null, found: { address: string; family: number }[]) => void,
) => void

/** Where clouds hand out credentials, by any spelling of its name or address. A provider may be anywhere else. */
export function isCredentialService(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$|\.$/g, '')
  if (isIP(host) === 0) {
    const name = canonicalHost(host)
    return !name.ok && name.reason === 'host-metadata' && !host.toLowerCase().endsWith('.localhost')
  }
  const address = canonicalAddress(host) ?? ''
  return ['link-local', 'metadata'].includes(classifyAddress(address, { own: new Set(), permitted: [] }).class)
}

/** For `connect`: looks at what a provider's name means. `refuse` says why one of its addresses may not be dialled, or null. */
export function createProviderLookup(
  refuse: (host: string, address: string) => Error | null = () => null,
  findAll: FindAll = systemLookup,
): LookupFunction {
  return (host, options, done) => {
    findAll(host, { ...options, all: true }, (error, found) => {
      const [first] = found ?? []
      if (error || !first) return done(error ?? new Error(`${host} has no address.`), '', 0)
      if (found.some(({ address }) => isCredentialService(address)))
        return done(new Error("The name leads to a cloud's own credentials service; no model answers there."), '', 0)
      for (const { address } of found) {
        const refusal = refuse(host, address)
        if (refusal) return done(refusal, '', 0)
      }
      if (options.all) done(null, found)
      else done(null, first.address, first.family)
    })
  }
}
