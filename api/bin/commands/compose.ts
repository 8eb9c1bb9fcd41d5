import { execFileSync } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { migrate } from '../../store/migrate.ts'
import { secret } from '../launch/database/secrets.ts'
import type { Say, Where } from './place.ts'

/** `backlot compose-env`: passwords for docker-compose.yml, and what of this machine's configuration its build needs. */
export async function composeEnvironment({ root, home }: Where, say: Say): Promise<boolean> {
  say(`BACKLOT_HOME=${process.env.BACKLOT_HOME ?? home}`)
  for (const role of ['OWNER', 'SERVER', 'GATEWAY']) say(`BACKLOT_${role}_PASSWORD=${secret()}`)
  const registry = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim()
  if (URL.canParse(registry)) say(`NPM_CONFIG_REGISTRY=${registry}`)
  const ca = process.env.BACKLOT_EXTRA_CA ?? process.env.NODE_EXTRA_CA_CERTS
  // A build argument is too short for a bundle of authorities: the Dockerfile takes it from beside itself.
  if (ca) copyFileSync(ca, join(root, 'extra-ca.crt'))
  return true
}

const environment = z.object({
  DATABASE_URL: z.string(),
  BACKLOT_SERVER_PASSWORD: z.string().min(20),
  BACKLOT_GATEWAY_PASSWORD: z.string().min(20),
})

/** `backlot migrate`: as the owner, once before server and gateway start. */
export async function migrateDatabase(say: Say): Promise<boolean> {
  const given = environment.parse(process.env)
  const { BACKLOT_SERVER_PASSWORD: serverPassword, BACKLOT_GATEWAY_PASSWORD: gatewayPassword } = given
  await migrate(given.DATABASE_URL, { serverPassword, gatewayPassword })
  say('The database is up to date.')
  return true
}
