/**
 * The second half of `npm start`, on Node 26: database, runner, sandbox image, gateway, server, as children that are
 * started again when they die. Started by start.mjs, which has made the machine ready.
 */
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { statePaths } from '../../config.ts'
import { migrate } from '../../store/migrate.ts'
import { rememberDatabase, rememberUrl } from '../commands/place.ts'
import { CannotStart, createSteps } from '../prepare/steps.mjs'
import { prepareImage } from './image.ts'
import { untilListening } from './listening.ts'
import { lock } from './lock.ts'
import { type ChildMessage, childMessage } from './messages.ts'
import { checkAddress, whatToDo } from './outside.ts'
import { assertPortIsFree } from './ports.ts'
import { rolePasswords, urlOf } from './secrets.ts'
import { type Supervised, supervise } from './supervise.ts'

const START_TIMEOUT_MS = 60_000
/** Deaths of one program during the start after which the start is given up. */
const DEATHS = 3

const environment = z
  .object({
    BACKLOT_HOME: z.string(),
    BACKLOT_HOST: z.string(),
    BACKLOT_PORT: z.coerce.number(),
    BACKLOT_LAUNCH_JSON: z.string(),
    BACKLOT_LAUNCH_STEPS: z.coerce.number(),
    BACKLOT_POLICIES: z.string().default('policies'),
    DATABASE_URL: z.string().optional(),
  })
  .parse(process.env)

const json = environment.BACKLOT_LAUNCH_JSON === '1'
const stream = json ? process.stderr : process.stdout
const { step, say } = createSteps({ stream, total: environment.BACKLOT_LAUNCH_STEPS, before: 3 })
const paths = statePaths(environment.BACKLOT_HOME)
const programs = join(import.meta.dirname, '..', '..')
const policies = resolve(environment.BACKLOT_POLICIES)
/** Empty, as an `.env` file may leave it, means none. */
const outside = environment.DATABASE_URL || undefined

/** Opened in this order, closed in the reverse one. */
const running: Supervised[] = []
let closing = false

let announced = false

/** A server that was started again makes a new link while nobody has an account; the one that was printed no longer holds. */
function sayAgain(message: ChildMessage) {
  if (message.type !== 'ready' || message.signInToken === null) return
  say(`The link above no longer holds. Sign in once with this one:\n\n  ${linkOf(message.url, message.signInToken)}\n`)
}

const linkOf = (url: string, token: string) => `${url}/sign-in#token=${token}`

/** Starts a program; `message(type)` resolves with the first message of that type, rejects when it keeps dying. */
function program(name: string, entry: string, extra: NodeJS.ProcessEnv | (() => NodeJS.ProcessEnv) = {}) {
  let deaths = 0
  let tail = ''
  const waiting = new Set<{ settle: (message: ChildMessage) => void; fail: (error: Error) => void }>()
  const failed = () => (deaths < DEATHS ? null : `${name} does not start:\n${tail}`)
  const supervised = supervise({
    name,
    entry,
    environment: () => ({ ...process.env, ...(typeof extra === 'function' ? extra() : extra) }),
    log: join(paths.root, 'logs', `${name}.log`),
    say,
    onMessage: (message) => {
      const read = childMessage.safeParse(message)
      if (!read.success) return
      if (waiting.size === 0) sayAgain(read.data)
      for (const waiter of waiting) waiter.settle(read.data)
    },
    onDeath: (_why, end) => {
      deaths += 1
      tail = end
      const reason = failed()
      if (reason !== null) for (const waiter of waiting) waiter.fail(new Error(reason))
    },
  })
  running.push(supervised)
  const message = () =>
    new Promise<ChildMessage>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${name} is not ready after a minute`)), START_TIMEOUT_MS)
      const waiter = {
        settle: (received: ChildMessage) => {
          clearTimeout(timer)
          waiting.delete(waiter)
          resolve(received)
        },
        fail: (error: Error) => {
          clearTimeout(timer)
          waiting.delete(waiter)
          reject(error)
        },
      }
      waiting.add(waiter)
    })
  return { message, listening: (socketPath: string) => untilListening(socketPath, START_TIMEOUT_MS, failed) }
}

async function openDatabase() {
  if (outside !== undefined) {
    checkAddress(outside)
    return { ownerUrl: outside, passwords: rolePasswords(paths.root) }
  }
  const database = program('PostgreSQL', join(import.meta.dirname, 'database.ts'))
  const message = await database.message()
  if (message.type !== 'database') throw new Error('PostgreSQL said something else than where it is')
  return message
}

async function start() {
  await assertPortIsFree(environment.BACKLOT_HOST, environment.BACKLOT_PORT)
  for (const folder of ['logs', 'launcher']) mkdirSync(join(paths.root, folder), { recursive: true, mode: 0o700 })

  const databases = await step('Database', async () => {
    const { ownerUrl, passwords } = await openDatabase()
    await migrate(ownerUrl, passwords).catch((error: unknown) => {
      throw outside === undefined ? error : whatToDo(error, outside)
    })
    const server = urlOf(ownerUrl, 'backlot_server', passwords.serverPassword)
    rememberDatabase(paths.root, server)
    return { server, gateway: urlOf(ownerUrl, 'backlot_gateway', passwords.gatewayPassword) }
  })
  await step('Runner', async () => {
    // The engine's door gets no database: DATABASE_URL stays here.
    const runner = program('runner', join(programs, 'runner', 'runner.ts'), { DATABASE_URL: undefined })
    await runner.listening(paths.runnerSocket)
  })
  await step('Sandbox image', (note) => prepareImage(paths.runnerSocket, policies, note))
  return step('Gateway and server', async () => {
    const engineless = { DOCKER_HOST: undefined }
    const gateway = program('gateway', join(programs, 'gateway', 'gateway.ts'), {
      ...engineless,
      DATABASE_URL: databases.gateway,
      // The system's name look-ups block a thread each: one sandbox's slow names must not take all of libuv's four.
      UV_THREADPOOL_SIZE: '32',
    })
    // A free port, once found, stays: people's browsers come back to it when the server is started again.
    let port = String(environment.BACKLOT_PORT)
    const server = program('server', join(programs, 'server', 'server.ts'), () => ({
      ...engineless,
      DATABASE_URL: databases.server,
      BACKLOT_PORT: port,
      BACKLOT_SIGN_IN_LINK: json && !announced ? '1' : undefined,
    }))
    // Side by side: the server waits for the gateway only when it needs it.
    const [message] = await Promise.all([server.message(), gateway.listening(paths.gatewaySocket)])
    if (message.type !== 'ready') throw new Error('the server said something else than that it is ready')
    if (port === '0') port = String(message.port ?? new URL(message.url).port)
    rememberUrl(paths.root, message.url)
    return message
  })
}

async function close(why: string, code: number) {
  if (closing) return
  closing = true
  if (code === 0) say(`\n${why}: stopping. Sandboxes go on running.`)
  for (const program of running.toReversed()) await program.close()
  unlock()
  if (code === 0) say('Stopped. npm start brings everything back.')
  process.exit(code)
}

function fail(error: unknown) {
  if (closing) return
  const text = error instanceof Error ? error.message : String(error)
  process.stderr.write(
    `\n${text}\n${error instanceof CannotStart ? '' : `The logs are in ${join(paths.root, 'logs')}\n`}`,
  )
  return close(text, 1)
}

let unlock = () => {}
try {
  unlock = lock(join(paths.root, 'launcher.lock'))
} catch (error) {
  process.stderr.write(`\n${error instanceof Error ? error.message : error}\n`)
  process.exit(1)
}
process.on('SIGINT', () => close('Ctrl-C', 0))
process.on('SIGTERM', () => close('SIGTERM', 0))
// start.mjs is gone without a word (kill -9): nobody would stop this any more.
process.on('disconnect', () => close('The launcher was killed', 0))

try {
  const { url, signInToken, unsafe } = await start()
  announced = true
  for (const danger of unsafe) say(`Warning: policy ${danger}`)
  if (json) process.stdout.write(`${JSON.stringify({ url, signInToken })}\n`)
  else if (signInToken === null) say(`\nBacklot is ready: ${url}`)
  else say(`\nBacklot is ready. Sign in once with this link:\n\n  ${linkOf(url, signInToken)}\n`)
} catch (error) {
  await fail(error)
}
