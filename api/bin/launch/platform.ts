import { join } from 'node:path'
import { CannotStart, createSteps, type Steps } from '../prepare/steps.mjs'
import { linesOf, linkOf } from './announce.ts'
import { type Children, createChildren } from './children/children.ts'
import type { ChildMessage } from './children/messages.ts'
import type { Launch } from './environment.ts'
import { lock } from './lock.ts'
import { type Started, start } from './start.ts'

/** What `npm run dev` does differently. */
export interface Variant {
  /** The server's own address, where it is not the people's. */
  server: NodeJS.ProcessEnv
  /** Called when all programs run, before people are told. */
  opened: (started: Started, children: Children, steps: Steps) => Promise<void>
  /** The end of what a program printed before it died. */
  onDeath: (tail: string, say: Steps['say']) => void
  /** Ends the watching, before the programs are stopped. */
  close: () => void
  /** How to start again. */
  command: string
}

const plain: Variant = { server: {}, opened: async () => {}, onDeath: () => {}, close: () => {}, command: 'npm start' }

/** Starts the platform, tells people where it is, and keeps it running until Ctrl-C, SIGTERM or the end of start.mjs. */
export async function runPlatform(launch: Launch, variant: Variant = plain): Promise<void> {
  const { paths, json } = launch
  const steps = createSteps({ stream: json ? process.stderr : process.stdout, ...launch.steps })
  const { step, say } = steps
  const state = { closing: false, announced: false }
  const logs = join(paths.root, 'logs')
  const unlock = lockOrExit(join(paths.root, 'launcher.lock'))
  const children = createChildren({
    logs,
    say,
    onLateMessage: (message) => sayNewLink(message, say),
    onDeath: (tail) => variant.onDeath(tail, say),
  })

  async function close(why: string, code: number) {
    if (state.closing) return
    state.closing = true
    if (code === 0) say(`\n${why}: stopping. Sandboxes go on running.`)
    variant.close()
    await children.close()
    unlock()
    if (code === 0) say(`Stopped. ${variant.command} brings everything back.`)
    process.exit(code)
  }
  process.on('SIGINT', () => close('Ctrl-C', 0))
  process.on('SIGTERM', () => close('SIGTERM', 0))
  // start.mjs is gone without a word (kill -9): nobody would stop this any more.
  process.on('disconnect', () => close('The launcher was killed', 0))

  try {
    // A script that starts Backlot gets a link each time; a person only until somebody has an account.
    const link = () => ({ BACKLOT_SIGN_IN_LINK: json && !state.announced ? '1' : undefined })
    const started = await start({ launch, children, step, forServer: () => ({ ...link(), ...variant.server }) })
    await variant.opened(started, children, steps)
    state.announced = true
    announce(started, say, json)
  } catch (error) {
    if (state.closing) return
    const text = error instanceof Error ? error.message : String(error)
    process.stderr.write(`\n${text}\n${error instanceof CannotStart ? '' : `The logs are in ${logs}\n`}`)
    await close(text, 1)
  }
}

function announce(started: Started, say: Steps['say'], json: boolean): void {
  const { said, printed } = linesOf(started, { json })
  for (const line of said) say(line)
  if (printed !== null) process.stdout.write(`${printed}\n`)
}

/** A server that was started again makes a new link while nobody has an account; the one that was printed no longer holds. */
function sayNewLink(message: ChildMessage, say: Steps['say']): void {
  if (message.type !== 'ready' || message.signInToken === null) return
  say(`The link above no longer holds. Sign in once with this one:\n\n  ${linkOf(message.url, message.signInToken)}\n`)
}

function lockOrExit(file: string): () => void {
  try {
    return lock(file)
  } catch (error) {
    process.stderr.write(`\n${error instanceof Error ? error.message : error}\n`)
    process.exit(1)
  }
}
