import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { readable } from './outside.ts'

export const passwords = z.strictObject({ serverPassword: z.string().min(20), gatewayPassword: z.string().min(20) })
export type RolePasswords = z.infer<typeof passwords>

const fileOf = (home: string) => join(home, 'launcher', 'roles.json')

/** Passwords of the two login roles of an outside database: made at the first start, kept in the state folder, 0600. */
export function rolePasswords(home: string): RolePasswords {
  const file = fileOf(home)
  if (existsSync(file)) return passwords.parse(JSON.parse(readFileSync(file, 'utf8')))
  const made = { serverPassword: secret(), gatewayPassword: secret() }
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  writeFileSync(file, JSON.stringify(made), { mode: 0o600, flag: 'wx' })
  return made
}

/** 192 random bits that need no escaping in a URL. */
export const secret = () => randomBytes(24).toString('base64url')

/** The owner's URL with another role's name and password. */
export function urlOf(ownerUrl: string, role: string, password: string): string {
  const url = readable(ownerUrl)
  // They would win over those before the host.
  for (const name of ['user', 'password']) url.searchParams.delete(name)
  url.username = role
  url.password = password
  return url.href
}
