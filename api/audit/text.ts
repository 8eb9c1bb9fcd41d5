/** Makes text from outside fit for a log that people read and terminals print. Pure. */
import { maskCommands, secretArguments } from './commands.ts'

/**
 * C0, DEL and C1 controls; line and paragraph separators; everything that changes the reading direction (Unicode TR36,
 * CVE-2021-42574); invisible characters that make two strings look alike; tags; lone surrogates, which JSON in PostgreSQL refuses.
 */
const UNSAFE =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]|\p{Surrogate}/gu

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/**
 * One line without anything that moves a cursor or hides: `\n`, `\u{202e}`. A backslash stays as it is, so text that was
 * escaped before is not escaped again. At most `maxLength` UTF-16 units, the last of them saying how much was cut off,
 * here or before: then `wholeLength` is what it was.
 */
export function cleanText(text: string, maxLength: number, wholeLength = text.length): string {
  // Ten megabytes must not be scanned to keep four kilobytes.
  const head = text.length > maxLength ? text.slice(0, maxLength) : text
  const escaped = head.replace(UNSAFE, (c) => SHORT[c] ?? `\\u{${c.codePointAt(0)?.toString(16)}}`)
  if (wholeLength <= maxLength && escaped.length <= maxLength) return escaped
  const note = `…[${wholeLength} characters]`
  const kept = escaped.slice(0, Math.max(0, maxLength - note.length))
  // A cut through a pair would leave half a character.
  return `${kept.isWellFormed() ? kept : kept.slice(0, -1)}${note}`.slice(0, maxLength)
}

/**
 * Shapes that are secrets wherever they occur: keys of model providers, GitHub, GitLab, Slack, AWS, npm and PyPI tokens,
 * JWTs, private keys, `Authorization` and `Cookie` values, the user info of a URL, and the value of a parameter or an option
 * with a telling name.
 * A sandbox chooses the text: a run in front of something that may not come has an upper bound, or the time is quadratic.
 */
const TELLING = 'token|secret|password|passwd|api[_-]?key|apikey|access[_-]?key|signature|credential|auth|code|sig|key'
const SECRET_OPTION = new RegExp(`^--?[\\w-]{0,40}(?:${TELLING})$`, 'i')
const SECRETS: ReadonlyArray<[RegExp, string]> = [
  [/\b(?:sk|pk|rk)-[A-Za-z0-9_-]{16,}/g, '[masked]'],
  [/\b(?:gh[oprsu]_|github_pat_|glpat-|xox[abeoprs]-|npm_|pypi-|hf_|b[kls]_)[A-Za-z0-9_-]{10,}/g, '[masked]'],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, '[masked]'],
  [/\bAIza[A-Za-z0-9_-]{30,}/g, '[masked]'],
  [/\beyJ[A-Za-z0-9_-]{8,1000}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?/g, '[masked]'],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, '[masked]'],
  [/\b(bearer|basic)(\s+)[A-Za-z0-9._~+/=-]{8,}/gi, '$1$2[masked]'],
  [/(\/\/)[^/?#@\s]+@/g, '$1[masked]@'],
  [/\b((?:authorization|cookie)["']?\s{0,8}[=:]\s{0,8}["']?)(?!\s{0,8}(?:bearer|basic)\s)[^"'&\r\n]+/gi, '$1[masked]'],
  [new RegExp(`((?:^|[?&;\\s"'-])[\\w-]{0,40}(?:${TELLING})["']?\\s*[=:]\\s*["']?)[^\\s&;"'#]+`, 'gi'), '$1[masked]'],
  [new RegExp(`((?:^|\\s)--[\\w-]{0,40}(?:${TELLING})\\s{1,8})[^\\s"'-][^\\s"']*`, 'gi'), '$1[masked]'],
]

export function maskSecrets(text: string): string {
  return SECRETS.reduce((masked, [shape, replacement]) => masked.replace(shape, replacement), maskCommands(text))
}

/** An argument such as `--password`, whose value is the next one. */
const namesSecret = (argument: unknown) => typeof argument === 'string' && SECRET_OPTION.test(argument)

/** The arguments of one command, without what only the one before, or the program's name, shows to be a secret. */
export function maskArguments(argv: readonly string[]): string[] {
  const secret = secretArguments(argv)
  return argv.map((argument, index) => {
    if (namesSecret(argv[index - 1])) return '[masked]'
    const shown = secret.get(index)
    return shown === undefined ? maskSecrets(argument) : `${argument.slice(0, shown)}[masked]`
  })
}
