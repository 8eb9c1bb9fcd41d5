/** The hash chain: each place commits to everything before it. Leaves are RFC 6962's, so a Merkle tree can be built over them. Pure. */
import { createHash } from 'node:crypto'

/** The chain hash before the first event. */
export const GENESIS: Buffer = Buffer.alloc(32)
const LEAF_PREFIX = Buffer.of(0)

/** SHA-256(0x00 || the body's UTF-8 bytes), RFC 6962 section 2.1. */
export const leafHash = (body: string): Buffer => createHash('sha256').update(LEAF_PREFIX).update(body, 'utf8').digest()

/** SHA-256(the chain hash of the place before || leaf). */
export const chainHash = (previous: Buffer, leaf: Buffer): Buffer =>
  createHash('sha256').update(previous).update(leaf).digest()
