import type { Started } from './start.ts'

export const linkOf = (url: string, token: string) => `${url}/sign-in#token=${token}`

/** `said`: for people. `printed`: the one line on standard output that a script reads (`--json`). */
export function linesOf(
  { url, signInToken, unsafe, warnings }: Omit<Started, 'programs'>,
  { json }: { json: boolean },
): { said: string[]; printed: string | null } {
  const dangers = unsafe.map((danger) => `Warning: ${danger}`)
  if (json) return { said: dangers, printed: JSON.stringify({ url, signInToken, warnings }) }
  const ready =
    signInToken === null
      ? `\nBacklot is ready: ${url}`
      : `\nBacklot is ready. Sign in once with this link:\n\n  ${linkOf(url, signInToken)}\n`
  return { said: [...dangers, ...warnings.map((warning) => `WARNING: ${warning}`), ready], printed: null }
}
