import { isIP } from 'node:net'
import { ApiError } from '../../errors.ts'

/**
 * A provider's address as an admin types it → as it is stored: no trailing slash, and no `/v1` at the end, which documents of
 * providers often show. Local providers may be anywhere, this machine included; cloud metadata services never.
 * @throws ApiError when it holds more than an address.
 */
export function providerBaseUrl(typed: string): string {
  const url = new URL(typed)
  if (url.username || url.password)
    throw new ApiError('invalid_request', 'Leave name and password out of the address; the key has a field of its own.')
  if (url.search || url.hash)
    throw new ApiError('invalid_request', 'Leave out everything from "?" or "#" on in the provider\'s address.')
  if (isLinkLocal(url.hostname))
    throw new ApiError(
      'invalid_request',
      "Link-local addresses belong to the cloud's own services; no model answers there.",
    )
  return url.origin + url.pathname.replace(/\/+$/, '').replace(/\/v1$/, '')
}

/** URL has already made one spelling of every IPv4 literal; IPv6 stands in brackets. */
function isLinkLocal(hostname: string): boolean {
  const bare = hostname.replace(/^\[|\]$/g, '')
  if (isIP(bare) === 4) return bare.startsWith('169.254.')
  return isIP(bare) === 6 && /^(fe[89ab]|fd00:ec2:|::ffff:a9fe:)/i.test(bare)
}
