import { ApiError } from '../../../errors.ts'
import { isCredentialService } from './lookup.ts'

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
  if (isCredentialService(url.hostname))
    throw new ApiError(
      'invalid_request',
      "Link-local and metadata addresses belong to the cloud's own services; no model answers there.",
    )
  return url.origin + url.pathname.replace(/\/+$/, '').replace(/\/v1$/, '')
}
