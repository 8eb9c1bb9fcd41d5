/**
 * Canonical JSON (RFC 8785): keys sorted by UTF-16 code units, no spaces, numbers as ECMAScript prints them. The same value
 * always gives the same bytes, which are what the chain hashes. Throws on what JSON cannot hold: undefined, functions,
 * bigint, and numbers that are not finite or, as integers, not exact (above 2^53).
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'number') {
    if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))) {
      throw new TypeError(`${value} cannot be written exactly.`)
    }
    return JSON.stringify(value)
  }
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value === 'object') {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
    return `{${entries.map(([name, item]) => `${JSON.stringify(name)}:${canonicalJson(item)}`).join(',')}}`
  }
  throw new TypeError(`A ${typeof value} is no JSON.`)
}
