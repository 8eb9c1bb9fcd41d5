import { argon2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

/** OWASP Password Storage Cheat Sheet, argon2id: m = 19 MiB, t = 2, p = 1. Memory in KiB. */
const COST = { memory: 19_456, passes: 2, parallelism: 1 }
const TAG_BYTES = 32

const derive = promisify(argon2)

/** A PHC string: `$argon2id$v=19$m=…,t=…,p=…$salt$tag`, so that the cost can rise without touching what is stored. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16)
  const tag = await tagOf(password, salt, COST)
  return `$argon2id$v=19$m=${COST.memory},t=${COST.passes},p=${COST.parallelism}$${plain(salt)}$${plain(tag)}`
}

/** Takes the same time whether there is a password to compare with or not. */
export async function verifyPassword(stored: string | null, password: string): Promise<boolean> {
  const { cost, salt, tag } = (stored === null ? null : parse(stored)) ?? NOBODY
  const given = await tagOf(password, salt, cost)
  return timingSafeEqual(given, tag) && stored !== null
}

function tagOf(password: string, nonce: Buffer, cost: typeof COST): Promise<Buffer> {
  return derive('argon2id', { message: password.normalize('NFKC'), nonce, tagLength: TAG_BYTES, ...cost })
}

const plain = (bytes: Buffer) => bytes.toString('base64').replaceAll('=', '')

const NOBODY = { cost: COST, salt: Buffer.alloc(16), tag: Buffer.alloc(TAG_BYTES) }

function parse(stored: string): typeof NOBODY | null {
  const match = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([\w+/]+)\$([\w+/]+)$/.exec(stored)
  if (!match) return null
  const [, memory, passes, parallelism, salt = '', tag = ''] = match
  return {
    cost: { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) },
    salt: Buffer.from(salt, 'base64'),
    tag: Buffer.from(tag, 'base64'),
  }
}
