import { createHash, randomBytes } from 'node:crypto'

/** A bearer secret: 256 random bits, base64url, after a prefix that says what it is. Only its hash is stored. */
export function newSecret(prefix: 'bk_' | 'bl_' | 'bs_' | 'bt_') {
  const secret = `${prefix}${randomBytes(32).toString('base64url')}`
  return { secret, hash: hashOf(secret) }
}

/** SHA-256: enough for a secret that cannot be guessed; what people choose goes through people/sign-in/password.ts. */
export function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}
