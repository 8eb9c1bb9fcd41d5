/** What commands may take of the gateway, and that a command ends with the wish for it. */
import { writeFile } from 'node:fs/promises'
import type { ServerHttp2Stream } from 'node:http2'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Answer, createImpostors, endless, json } from '../../../support/sandbox/impostor.ts'
import { type PorterWorld, porterWorld, startPorter } from '../../../support/sandbox/porter.ts'
import { until } from '../../../support/until.ts'

const exec = { argv: ['true'], cwd: '/', timeoutMs: 60_000 }
const done = { exitCode: 0, stdout: '', stderr: '', truncated: false }
/** As many as the gateway runs for one sandbox at once. */
const AT_ONCE = 16

let world: PorterWorld
let gateway: Awaited<ReturnType<PorterWorld['startGateway']>>
let impostors: ReturnType<typeof createImpostors>

beforeEach(async () => {
  world = await porterWorld()
  gateway = await world.startGateway()
  impostors = createImpostors(world.socketPath)
})
afterEach(async () => {
  impostors.close()
  await world.close()
})

async function impostor(answer: Answer) {
  await impostors.start(answer)
  await gateway.connected()
}
const reasonOf = (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error)

describe('G41 answers that never end', () => {
  test('of sixty commands at once only so many run, and the others are refused in plain words', async () => {
    const asked: ServerHttp2Stream[] = []
    await impostor((stream, headers) => void (headers[':path'] === '/exec' && asked.push(stream)))
    const calls = Array.from({ length: 60 }, () =>
      gateway.porter.exec(exec).then(
        () => 'answered',
        (error) => error,
      ),
    )
    const refused = await Promise.all(calls.slice(AT_ONCE))
    expect(refused.map(reasonOf)).toEqual(refused.map(() => 'limit_reached'))
    expect(String(refused[0])).toMatch(/16 commands/)
    await until('they run', () => (asked.length >= AT_ONCE ? true : null))
    expect(asked).toHaveLength(AT_ONCE)
    for (const stream of asked) json(done)(stream, {})
    expect(await Promise.all(calls.slice(0, AT_ONCE))).toEqual(Array.from({ length: AT_ONCE }, () => 'answered'))
    const next = gateway.porter.exec(exec)
    await until('it runs', () => (asked.length > AT_ONCE ? true : null))
    json(done)(asked.at(-1) ?? expect.fail(), {})
    expect(await next).toEqual(done)
  })

  test('together they hold no more than a sandbox may: those past it are refused, and the room comes back', async () => {
    await impostor(endless(12_000_000))
    const left = new AbortController()
    const ends: unknown[] = []
    const calls = Array.from({ length: AT_ONCE }, () =>
      gateway.porter.exec(exec, left.signal).catch((error) => void ends.push(reasonOf(error))),
    )
    await until('most were refused', () => (ends.length >= AT_ONCE - 2 ? true : null))
    expect(ends).toEqual(ends.map(() => 'limit_reached'))
    left.abort()
    await Promise.all(calls)
    impostors.close()
    const porter = startPorter(world.socketPath)
    await until('a real porter answers', () => gateway.porter.exec(exec).catch(() => null))
    porter.close()
  })

  test('outputs longer than a porter sends are no answer', async () => {
    await impostor(json({ ...done, stdout: 'x'.repeat(1_048_577) }))
    await expect(gateway.porter.exec(exec)).rejects.toMatchObject({ code: 'sandbox_not_ready' })
  })
})

test('G42 a caller who leaves ends the command: its program is killed', async () => {
  const porter = startPorter(world.socketPath)
  await gateway.connected()
  const left = new AbortController()
  const mark = `31${process.pid}`
  const call = gateway.porter.exec({ ...exec, argv: ['sleep', mark] }, left.signal)
  const running = async () =>
    (await gateway.porter.exec({ ...exec, argv: ['pgrep', '-fx', `sleep ${mark}`] })).exitCode === 0
  await until('it runs', async () => ((await running()) ? true : null))
  left.abort()
  await expect(call).rejects.toMatchObject({ code: 'sandbox_not_ready' })
  await until('it is gone', async () => ((await running()) ? null : true))
  porter.close()
})

describe('G43 a list of terminals is small and seldom', () => {
  test('one of a megabyte is not read to its end', async () => {
    let sent = 0
    await impostor((stream) => {
      stream.respond({ ':status': 200 })
      const more = () => {
        while (sent < 1_000_000 && !stream.destroyed) {
          sent += 16_384
          if (!stream.write(' '.repeat(16_384))) return
        }
      }
      stream.on('drain', more)
      more()
    })
    await expect(gateway.porter.terminals()).rejects.toMatchObject({ code: 'too_large' })
  })

  test('however often a porter makes the gateway ask for it, it is asked for at a rate', async () => {
    let asked = 0
    await impostor((stream, headers) => {
      if (headers[':path'] === '/terminals') asked += 1
      json({ items: [] })(stream, headers)
    })
    const began = performance.now()
    const calls = Array.from({ length: 60 }, () => gateway.porter.terminals())
    await Promise.all(calls.slice(0, 15))
    expect(asked).toBeLessThanOrEqual(11 + (5 * (performance.now() - began)) / 1000)
    void Promise.allSettled(calls)
  })

  test('a porter that came and went often holds up neither its own terminals nor the end of the gateway', async () => {
    const came = async () => {
      const session = await impostors.start(json({ items: [] }))
      await gateway.connected()
      return session
    }
    for (let count = 0; count < 45; count++) {
      const session = await came()
      const closed = new Promise((resolve) => session.once('close', resolve))
      session.destroy()
      await closed
      await until('it is gone', () => (gateway.porter.connected() ? null : true))
    }
    await came()
    const began = performance.now()
    expect(await gateway.terminals.list()).toEqual([])
    await gateway.stop()
    expect(performance.now() - began).toBeLessThan(4000)
  })
})

describe('G44 what cannot be run is said in words', () => {
  test.each([
    ['a folder that is a file', '/etc/hostname', '/etc/hostname is a file, not a folder'],
    ['a folder below a file', '/etc/hostname/below', '/etc/hostname/below is a file, not a folder'],
    ['a folder that is not there', '/not-there', 'there is no folder /not-there'],
    ['a folder of too long a name', `/${'x'.repeat(300)}`, 'cannot be entered (ENAMETOOLONG)'],
    ['a folder with a NUL', '/a\0b', 'cannot be entered (ERR_INVALID_ARG_VALUE)'],
  ])('%s', async (_what, cwd, said) => {
    const porter = startPorter(world.socketPath)
    await gateway.connected()
    await expect(gateway.porter.exec({ ...exec, cwd })).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining(said),
    })
    porter.close()
  })

  test.each([
    ['a program that is not there', ['not-there'], 127, /not-there/],
    ['a program that is a folder', ['/etc'], 126, /\/etc.*(directory|[Pp]ermission)/],
    ['a program that may not be executed', ['./plain.txt'], 126, /plain\.txt.*[Pp]ermission/],
  ])('%s is a result', async (_what, argv, exitCode, said) => {
    const porter = startPorter(world.socketPath)
    await gateway.connected()
    await writeFile(join(world.folder, 'plain.txt'), 'true\n', { mode: 0o600 })
    expect(await gateway.porter.exec({ ...exec, argv, cwd: world.folder })).toMatchObject({
      exitCode,
      stderr: expect.stringMatching(said),
    })
    porter.close()
  })
})
