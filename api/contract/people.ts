import { z } from 'zod'
import { personId, tokenId } from './ids.ts'
import { oneLine } from './text.ts'

export const role = z.enum(['pm', 'security', 'admin', 'engineer'])
export type Role = z.infer<typeof role>

export const email = z
  .email()
  .max(254)
  .transform((value) => value.toLowerCase())
/** 12 to 200 characters; NIST SP 800-63B asks for length, not for character classes. */
export const password = z.string().min(12, 'Use at least 12 characters.').max(200)
const name = oneLine.min(1).max(100)

export const person = z.strictObject({
  id: personId,
  email: z.string(),
  name: z.string(),
  roles: z.array(role),
  disabled: z.boolean(),
  createdAt: z.iso.datetime(),
})
export type Person = z.infer<typeof person>
/** `invited`: a link was made for them, and they have chosen no password yet. */
export const listedPerson = person.extend({ invited: z.boolean() })
export type ListedPerson = z.infer<typeof listedPerson>
export const peopleList = z.strictObject({ items: z.array(listedPerson) })

/** POST /api/v1/sessions: a link's single-use token signs in the person for whom the link was made; else e-mail and password. */
export const signIn = z.union([
  z.strictObject({ token: z.string().min(20).max(200) }),
  z.strictObject({ email, password: z.string().max(200) }),
])
/** `setupNeeded`: came by a link and has no password yet; the web then asks for name, e-mail and password (PATCH /api/v1/me). */
export const me = z.strictObject({ person, setupNeeded: z.boolean() })
export const mePatch = z.strictObject({
  name: name.optional(),
  email: email.optional(),
  password: password.optional(),
  currentPassword: z.string().max(200).optional(),
})

/** Admin › People. An invitation, and POST /api/v1/people/:id/link (a new way in), are answered with a single-use link, shown once. */
export const invite = z.strictObject({ email, name, roles: z.array(role).min(1) })
export const invited = z.strictObject({ person, link: z.url(), expiresAt: z.iso.datetime() })
export const personPatch = z.strictObject({
  name: name.optional(),
  roles: z.array(role).min(1).optional(),
  disabled: z.boolean().optional(),
})

export const apiToken = z.strictObject({
  id: tokenId,
  name: z.string(),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime().nullable(),
  lastUsedAt: z.iso.datetime().nullable(),
})
export const apiTokenCreate = z.strictObject({ name, expiresInDays: z.int().min(1).max(365).default(90) })
export const apiTokenCreated = z.strictObject({ token: z.string(), apiToken })
export const apiTokenList = z.strictObject({ items: z.array(apiToken) })
