import Docker from 'dockerode'
import { z } from 'zod'
import { containerName } from '../../api/runner/container.ts'
import type { Session } from '../support/server/session.ts'
import { openTerminal } from '../support/server/terminal.ts'
import { type Figure, percentile } from './figure.ts'
import { startInPty } from './pty.ts'
import { attempt, met, reference } from './reference.ts'

const CREATES = 5
/** In turns of so many each; the first turns are not counted: programs that have run for a minute are compiled. */
const KEYSTROKES = 100
const WARM_TURNS = 3
const TURNS = 8
const MEBIBYTE = 1_048_576
const PROMPT = /[$#] $/
/** A figure that the shell computes, so that its echo is not mistaken for it. */
const FLOOD = 'head -c 30000000 /dev/zero | tr "\\\\0" x; echo; echo flood-$((40+2))'
const FLOOD_BYTES = 30_000_000
const memory = z.object({
  memory_stats: z.object({ usage: z.number(), stats: z.record(z.string(), z.number()).default({}) }),
})

interface Opened {
  prototype: string
  sandbox: string
  image: string
}

/**
 * Create → first prompt against `docker run -it` → first prompt, with the same image, in turns: whatever else this machine does
 * meanwhile, it does to both.
 */
export async function benchCreate(session: Session): Promise<{ figures: Figure[]; opened: Opened }> {
  const ours: number[] = []
  const theirs: number[] = []
  // The first of each finds nothing in any cache, and the programs not yet compiled.
  let opened = await create(session, 'first')
  let docker = await attempt('docker', () => firstPrompt(opened.image))
  for (let round = 0; round < CREATES; round += 1) {
    await session.call('DELETE', `/prototypes/${opened.prototype}`)
    opened = await create(session, `bench ${round}`)
    ours.push(opened.tookMs)
    docker = await attempt('docker', () => firstPrompt(opened.image))
    if ('done' in docker) theirs.push(docker.done)
  }
  const mine = percentile(ours, 50)
  const compared = reference(docker, 'docker run -it', () => percentile(theirs, 50))
  const figure = {
    what: 'create → first prompt, p50',
    ours: mine,
    reference: compared,
    unit: 'ms',
    aim: '≤ 1.5 × docker run',
    met: met(compared, (value) => mine <= 1.5 * value),
  }
  return { figures: [figure], opened }
}

async function create(session: Session, title: string): Promise<Opened & { tookMs: number }> {
  const began = performance.now()
  const { id, sandbox } = await session.createPrototype(title)
  const terminal = await openTerminal(session, sandbox.id, 'bench')
  await terminal.until(PROMPT)
  const tookMs = performance.now() - began
  await terminal.close()
  return { prototype: id, sandbox: sandbox.id, image: await imageOf(sandbox.id), tookMs }
}

/** `docker run -it` until its prompt, in ms. */
async function firstPrompt(image: string): Promise<number> {
  const began = performance.now()
  const shell = startInPty('docker', ['run', '--rm', '-it', '--init', '--network', 'none', image, 'bash'])
  await shell.until(PROMPT)
  const tookMs = performance.now() - began
  shell.close()
  return tookMs
}

/**
 * A key that is typed at bash's prompt until it is echoed: through browser protocol, server, gateway and porter, or docker exec.
 * In turns, as above.
 */
export async function benchTerminal(session: Session, { sandbox }: Opened): Promise<Figure[]> {
  const ours = await throughTerminal(session, sandbox)
  const docker = await attempt('docker', () => throughDocker(sandbox))
  const [mine, theirs]: [number[], number[]] = [[], []]
  for (let turn = -WARM_TURNS; turn < TURNS; turn += 1) {
    const typed = await ours.keystrokes()
    const compared = 'done' in docker ? await docker.done.keystrokes() : []
    if (turn < 0) continue
    mine.push(...typed)
    theirs.push(...compared)
  }
  const rate = await ours.floodRate()
  const rates = 'done' in docker ? await attempt('docker', docker.done.floodRate) : docker
  await ours.close()
  if ('done' in docker) await docker.done.close()
  const echo = (p: number) => ({
    ours: percentile(mine, p),
    reference: reference(docker, 'docker exec -it', () => percentile(theirs, p)),
  })
  return [
    {
      what: 'keystroke echo, p50',
      ...echo(50),
      unit: 'ms',
      aim: '≤ 1.3 × docker exec',
      met: met(echo(50).reference, (value) => echo(50).ours <= 1.3 * value),
    },
    { what: 'keystroke echo, p99', ...echo(99), unit: 'ms', aim: 'beside the reference', met: null },
    {
      what: 'terminal throughput',
      ours: rate,
      reference: reference(rates, 'docker exec -it', (value) => value),
      unit: 'MB/s',
      aim: 'beside the reference',
      met: null,
    },
  ]
}

interface Typed {
  /** One turn: how long each echo took, in ms. */
  keystrokes(): Promise<number[]>
  /** MB/s of a flood. */
  floodRate(): Promise<number>
  close(): Promise<void>
}

async function throughTerminal(session: Session, sandbox: string): Promise<Typed> {
  const terminal = await openTerminal(session, sandbox, 'echo')
  await terminal.until(PROMPT)
  let heard = () => {}
  // Not terminal.until: it looks through all that came, each time something comes.
  const flood = Promise.withResolvers<void>()
  let tail = ''
  terminal.onBytes((bytes) => {
    heard()
    tail = (tail + bytes.toString('latin1')).slice(-200)
    if (tail.includes('flood-42')) flood.resolve()
  })
  return {
    keystrokes: () =>
      keystrokes(terminal.send, (listener) => {
        heard = listener
      }),
    floodRate: () => floodRate(terminal.send, () => flood.promise),
    close: terminal.close,
  }
}

async function throughDocker(sandbox: string): Promise<Typed> {
  const shell = startInPty('docker', ['exec', '-it', containerName(sandbox), 'bash'])
  await shell.until(PROMPT)
  let heard = () => {}
  shell.onData(() => heard())
  return {
    keystrokes: () =>
      keystrokes(shell.send, (listener) => {
        heard = listener
      }),
    floodRate: () => floodRate(shell.send, () => shell.until(/flood-42/, 60_000)),
    close: async () => shell.close(),
  }
}

async function floodRate(send: (keys: string) => void, ended: () => Promise<void>): Promise<number> {
  const began = performance.now()
  send(`${FLOOD}\r`)
  await ended()
  return FLOOD_BYTES / 1e6 / ((performance.now() - began) / 1000)
}

/** One key at a time; every so often the line is cleared, unmeasured. */
async function keystrokes(send: (key: string) => void, listen: (heard: () => void) => void): Promise<number[]> {
  const heard = () =>
    new Promise<void>((resolve) => {
      listen(resolve)
    })
  const durations: number[] = []
  for (let count = 1; count <= KEYSTROKES; count += 1) {
    const answer = heard()
    const began = performance.now()
    send('x')
    await answer
    durations.push(performance.now() - began)
    if (count % 40 !== 0) continue
    const cleared = heard()
    send('\u0015')
    await cleared
  }
  const cleared = heard()
  send('\u0015')
  await cleared
  return durations
}

/** What an idle sandbox holds beyond a bare container that sleeps: anonymous memory, as the engine counts it. */
export async function benchMemory({ sandbox, image }: Opened): Promise<Figure[]> {
  const docker = new Docker()
  const bare = await docker.createContainer({
    Image: image,
    Cmd: ['sleep', '600'],
    HostConfig: { NetworkMode: 'none', Init: true },
  })
  await bare.start()
  try {
    const mine = (await memoryOf(docker, containerName(sandbox))) / MEBIBYTE
    const theirs = (await memoryOf(docker, bare.id)) / MEBIBYTE
    return [
      {
        what: 'memory that an idle sandbox adds',
        ours: mine - theirs,
        reference: { value: theirs, against: 'docker run sleep' },
        unit: 'MiB',
        aim: '≤ 30 MiB',
        met: mine - theirs <= 30,
      },
    ]
  } finally {
    await bare.remove({ force: true })
  }
}

/** Without the page cache, which the kernel takes back when it is wanted. cgroup v1 says total_inactive_file, v2 inactive_file. */
async function memoryOf(docker: Docker, container: string): Promise<number> {
  const { memory_stats: read } = memory.parse(await docker.getContainer(container).stats({ stream: false }))
  return read.stats.anon ?? read.stats.total_rss ?? read.usage - (read.stats.total_inactive_file ?? 0)
}

async function imageOf(sandbox: string): Promise<string> {
  return (await new Docker().getContainer(containerName(sandbox)).inspect()).Config.Image
}
