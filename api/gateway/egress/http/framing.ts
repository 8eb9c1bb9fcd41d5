/** What node:http's parser lets through and two servers may yet read differently, and what its own errors mean. */
import type { IncomingMessage } from 'node:http'
import type { EgressDenial } from '../../../contract/reasons.ts'
import { headerLength } from './headers.ts'

/** llhttp's error codes; what is not here is `malformed-request`. */
const PARSE_REASONS: Record<string, EgressDenial> = {
  HPE_HEADER_OVERFLOW: 'header-too-large',
  HPE_PAUSED_H2_UPGRADE: 'http2-preface',
  HPE_INVALID_METHOD: 'not-http',
  HPE_INVALID_CONTENT_LENGTH: 'framing-ambiguous',
  HPE_UNEXPECTED_CONTENT_LENGTH: 'framing-ambiguous',
  HPE_INVALID_TRANSFER_ENCODING: 'framing-ambiguous',
  ERR_HTTP_REQUEST_TIMEOUT: 'header-timeout',
}
export const parseRefusal = (code: string): EgressDenial | null => PARSE_REASONS[code] ?? null

/** Why this request is not even judged, or null. */
export function framingRefusal(request: IncomingMessage, maxHeaderBytes: number): EgressDenial | null {
  const { rawHeaders, headers, httpVersion, url = '' } = request
  if (url.length + headerLength(rawHeaders) > maxHeaderBytes) return 'header-too-large'
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return 'malformed-request'
  const count = (name: string) =>
    rawHeaders.filter((text, index) => index % 2 === 0 && text.toLowerCase() === name).length
  if (count('host') > 1) return 'host-header-repeated'
  if (count('host') === 0 && httpVersion !== '1.0') return 'host-header-missing'
  const encoding = headers['transfer-encoding']
  if (encoding !== undefined) {
    const plain = encoding.toLowerCase() === 'chunked' && httpVersion === '1.1'
    if (!plain || count('content-length') > 0 || count('transfer-encoding') > 1) return 'framing-ambiguous'
  }
  return count('content-length') > 1 ? 'framing-ambiguous' : null
}
