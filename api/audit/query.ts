/** Finds secrets in the query of an address: parameters that are named like one, and values that look like one. Pure. */
import { maskSecrets } from './text.ts'

/** More are not looked at, so they are not shown. */
const MAX_PARAMETERS = 100
/** Of one value; what is longer is looked at, and shown, up to here. */
const MAX_VALUE = 2_048
/** `%2541` is `A` to whoever decodes twice, and so on. */
const MAX_DECODINGS = 3

/** One of these words in a name, as in `X-Amz-Security-Token`, `client_secret`, `auth[key]`, `accessToken`. */
const SECRET_WORDS = new Set([
  ...['token', 'tokens', 'secret', 'secrets', 'password', 'passwd', 'passphrase', 'pass', 'pwd', 'pw', 'pin', 'otp'],
  ...[
    'key',
    'keys',
    'auth',
    'authorization',
    'authentication',
    'credential',
    'credentials',
    'signature',
    'sig',
    'sign',
  ],
  ...['session', 'sessionid', 'sid', 'phpsessid', 'jsessionid', 'cookie', 'jwt', 'bearer', 'code', 'ticket', 'nonce'],
  ...['hmac', 'assertion', 'csrf', 'xsrf', 'saml', 'samlresponse', 'samlrequest', 'state', 'verifier', 'challenge'],
  ...['private', 'cert', 'certificate', 'user', 'username', 'login', 'email'],
])
/** The same words without anything between them and others: `apikey`, `accesstoken`, `usersecret`. */
const SECRET_ENDING =
  /(?:token|secret|password|passwd|passphrase|signature|credentials?|jwt|(?:api|access|secret|private|auth|app|license|encryption|master|shared|account|subscription|functions?)key)$/

/** Long, and of letters and digits without words between them: keys, digests, encoded bytes. A number or a date is neither. */
const RANDOM = /^(?=.*[A-Za-z])(?=.*[0-9])[A-Za-z0-9+/_=.~-]{20,}$/

/**
 * What stands behind the `?`, with `[masked]` for each value that its name or its look shows to be a secret. The rest is as it
 * came. Linear in its length.
 */
export function maskQuery(query: string): string {
  const parts = query.split(/([&;])/, 2 * MAX_PARAMETERS)
  return parts.map((part, index) => (index % 2 === 1 ? part : maskParameter(part))).join('')
}

function maskParameter(parameter: string): string {
  const equals = parameter.indexOf('=')
  if (equals === -1) return isSecret(parameter) ? '[masked]' : parameter.slice(0, MAX_VALUE)
  const [name, value] = [parameter.slice(0, equals), parameter.slice(equals + 1)]
  const shownName = isSecret(name) ? '[masked]' : name.slice(0, MAX_VALUE)
  const hidden = value !== '' && (namesSecret(name) || isSecret(value))
  return `${shownName}=${hidden ? '[masked]' : value.slice(0, MAX_VALUE)}`
}

function namesSecret(name: string): boolean {
  return decodings(name).some((read) => {
    const words = read
      .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
      .toLowerCase()
      .split(/[^a-z0-9]+/)
    return (
      words.some((word) => SECRET_WORDS.has(word) || SECRET_ENDING.test(word)) || SECRET_ENDING.test(words.join(''))
    )
  })
}

function isSecret(text: string): boolean {
  return decodings(text.slice(0, MAX_VALUE)).some(
    (read) =>
      maskSecrets(read) !== read ||
      read.split(/[^A-Za-z0-9+/_=.~-]+/).some((piece) => RANDOM.test(piece) && !isWords(piece)),
  )
}

/** `node-22-alpine-image-for-tests`, `2026/11/21-report.v2`: words that a person wrote. */
const isWords = (text: string) =>
  text.split(/[-_./~+=]+/).every((word) => /^(?:[A-Za-z]{0,14}|[0-9]{0,8}|[vV]?[0-9]{1,4}[a-z]{0,2})$/.test(word))

/** A text as it came, and as those who decode it read it. */
function decodings(text: string): string[] {
  const found = [text]
  for (let turn = 0; turn < MAX_DECODINGS; turn++) {
    const last = found.at(-1) ?? ''
    const next = decodeOnce(last)
    if (next === last) break
    found.push(next)
  }
  return found
}

/** Never throws: what is no encoding of UTF-8 is read byte by byte. */
const decodeOnce = (text: string) => {
  const spaced = text.replaceAll('+', ' ')
  try {
    return decodeURIComponent(spaced)
  } catch {
    return spaced.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  }
}
