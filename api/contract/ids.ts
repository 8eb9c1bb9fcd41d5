/** Identifiers: a two-letter kind, `_`, 16 characters of lower-case base 32 (80 random bits, RFC 4648 alphabet). */
import { z } from 'zod'

const idOf = <K extends string>(kind: K) => z.templateLiteral([`${kind}_`, z.string().regex(/^[a-z2-7]{16}$/)])

export const personId = idOf('pe')
export const prototypeId = idOf('pr')
export const sandboxId = idOf('sb')
export const tokenId = idOf('tk')
export const holdId = idOf('ho')

export type PersonId = z.infer<typeof personId>
export type PrototypeId = z.infer<typeof prototypeId>
export type SandboxId = z.infer<typeof sandboxId>
export type TokenId = z.infer<typeof tokenId>
export type HoldId = z.infer<typeof holdId>

/** Names of policies, bundles, tools, providers, terminals: `[a-z0-9-]`, 1–40 characters, no dash at either end. */
export const slug = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/)
