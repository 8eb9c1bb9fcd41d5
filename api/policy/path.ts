/** Paths of HTTP rules. A path that two servers may read differently matches no pattern. */

/** A request path without its query → decoded once, or null when its meaning depends on who reads it. */
export function canonicalPath(raw: string): string | null {
  if (!raw.startsWith('/') || /[^\x21-\x7e]/.test(raw)) return null
  // Backslashes become slashes on IIS; `;x` is dropped by Java servers; %25 hides a second encoding; %2f, %5c and %00 split names.
  if (/[\\;]|%(?:25|2f|5c|3b|00)|%(?![0-9a-f]{2})/i.test(raw)) return null
  const decoded = decode(raw)
  if (decoded === null || /[\0-\x1f\x7f]/.test(decoded) || decoded.includes('//')) return null
  return decoded.split('/').some((segment) => segment === '.' || segment === '..') ? null : decoded
}

/** `*` stands for any run of characters, slashes included; everything else for itself. The pattern covers the whole path. */
export function pathMatches(pattern: string, path: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  if (rest.length === 0) return pattern === path
  const last = rest.pop() ?? ''
  if (!path.startsWith(first) || path.length < first.length + last.length || !path.endsWith(last)) return false
  // The leftmost match of one piece after the other: linear, where a regular expression could be made to backtrack.
  const end = path.length - last.length
  let from = first.length
  for (const piece of rest) {
    const found = path.indexOf(piece, from)
    if (found < 0 || found + piece.length > end) return false
    from = found + piece.length
  }
  return true
}

function decode(raw: string): string | null {
  try {
    return decodeURIComponent(raw)
  } catch {
    return null
  }
}
