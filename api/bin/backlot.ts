/** The command line. Each command is a file of commands/; what it prints is for people, its exit code for scripts. */
import { join, resolve } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { ApiError } from '../errors.ts'
import { ownVersion } from '../version.ts'
import { verifyAudit } from './commands/audit.ts'
import { bench } from './commands/bench.ts'
import { composeEnvironment, migrateDatabase } from './commands/compose.ts'
import { examineHost } from './commands/doctor.ts'
import { createTokenFor, signInLink } from './commands/people.ts'
import { checkPolicyFolder } from './commands/policy.ts'
import { CannotStart } from './prepare/steps.mjs'

const root = resolve(import.meta.dirname, '..', '..')
const where = { root, home: resolve(process.env.BACKLOT_HOME ?? join(root, '.backlot')) }
const say = (text: string) => console.log(text)

/** Runs a command; false means that it looked and found something wrong. */
async function run(work: Promise<boolean>) {
  try {
    if (!(await work)) process.exitCode = 1
  } catch (error) {
    const told = error instanceof CannotStart || error instanceof ApiError
    console.error(told ? error.message : error)
    process.exitCode = 2
  }
}

function days(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > 365) throw new InvalidArgumentError('A number from 1 to 365.')
  return value
}

const program = new Command('backlot').description('Prototypes by coding agents, in sandboxes.').version(ownVersion())
program.command('start').description('makes this machine ready and starts Backlot (npm start)')
program
  .command('doctor')
  .description('says what this host can enforce, and what to do about the rest')
  .action(() => run(examineHost(where, say)))
program
  .command('policy')
  .description('policies')
  .command('check')
  .argument('[folder]', 'the folder of policies', process.env.BACKLOT_POLICIES ?? join(root, 'policies'))
  .description('compiles every policy and runs its cases')
  .action((folder: string) => run(checkPolicyFolder(where, resolve(folder), say)))
program
  .command('audit')
  .description('the audit log')
  .command('verify')
  .description('recomputes the chain of the log; Backlot must be running')
  .action(() => run(verifyAudit(where, say)))
program
  .command('token')
  .description('API tokens')
  .command('create')
  .requiredOption('--email <address>', 'the person for whom it acts')
  .requiredOption('--name <name>', 'what it is for')
  .option('--days <number>', 'how long it is valid', days, 90)
  .description('makes an API token and prints it, once')
  .action((given: { email: string; name: string; days: number }) => run(createTokenFor(where, given, say)))
program
  .command('sign-in')
  .description('signing in')
  .command('link')
  .option('--email <address>', 'for whom; default: the first admin')
  .description('makes a single-use sign-in link, for whoever cannot get in')
  .action((given: { email?: string }) => run(signInLink(where, given.email ?? null, say)))
program
  .command('bench')
  .description('measures this machine and prints a table; takes about three minutes')
  .action(() => run(bench(where)))
program
  .command('compose-env')
  .description('prints the .env that docker-compose.yml needs')
  .action(() => run(composeEnvironment(where, say)))
program
  .command('migrate')
  .description('brings the database at DATABASE_URL up to date (docker-compose.yml)')
  .action(() => run(migrateDatabase(say)))
await program.parseAsync()
