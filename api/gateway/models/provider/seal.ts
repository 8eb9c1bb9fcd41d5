import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { link, mkdir, open, readFile, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'

const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16

/**
 * The gateway's own key, one for all its instances, made at the first start: 32 random bytes in a file that only its user may read. Without the file,
 * sealed provider keys cannot be opened again and must be entered anew.
 * @throws Error when the file is not what this wrote.
 */
export async function loadSealKey(path: string): Promise<Buffer> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await makeSealKey(path)
  const key = await readFile(path)
  if (key.length !== KEY_BYTES)
    throw new Error(
      `${path} does not hold ${KEY_BYTES} bytes. Restore it from a backup, or delete it and enter the provider keys again.`,
    )
  return key
}

/** Leaves one that is there. Instances that start together make one key: it gets its name when it is whole, and once. */
async function makeSealKey(path: string): Promise<void> {
  const mine = `${path}.${randomBytes(8).toString('hex')}`
  const file = await open(mine, 'wx', 0o600)
  try {
    await file.writeFile(randomBytes(KEY_BYTES))
    await file.sync()
    await link(mine, path)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  } finally {
    await file.close()
    await unlink(mine)
  }
}

/**
 * AES-256-GCM (NIST SP 800-38D) with a random nonce: nonce, tag, text. `boundTo` is authenticated: a sealed key that is moved
 * to another provider, or another address, does not open.
 */
export function seal(sealKey: Buffer, boundTo: string, secret: string): Buffer {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', sealKey, nonce).setAAD(Buffer.from(boundTo))
  const text = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), text])
}

/** Null when it was sealed with another key, for something else, or altered. */
export function unseal(sealKey: Buffer, boundTo: string, sealed: Buffer): string | null {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) return null
  try {
    const decipher = createDecipheriv('aes-256-gcm', sealKey, sealed.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    })
      .setAAD(Buffer.from(boundTo))
      .setAuthTag(sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES))
    return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]).toString('utf8')
  } catch {
    return null
  }
}
