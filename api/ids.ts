import { randomBytes } from 'node:crypto'

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'

/** 80 random bits as 16 characters of RFC 4648 base 32, after the kind: `sb_…`. Shapes are in contract/ids.ts. */
export function newId<K extends 'pe' | 'pr' | 'sb' | 'tk' | 'ho'>(kind: K): `${K}_${string}` {
  const characters = Array.from(randomBytes(16), (byte) => ALPHABET[byte & 31])
  return `${kind}_${characters.join('')}`
}
