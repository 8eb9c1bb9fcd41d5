/** A program's lives: started again when it dies, at once when that is asked for. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { type Supervised, supervise } from '../../../api/bin/launch/children/supervise.ts'

const folder = mkdtempSync(join(tmpdir(), 'bl-supervise-'))
const open: Supervised[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Starts a program of these lines; `born()` resolves with the pid of its next life. */
function run(lines: string, more: { heartbeat?: boolean } = {}) {
  const entry = join(folder, 'program.ts')
  writeFileSync(entry, `${lines}\nprocess.send?.(process.pid)\nsetInterval(() => {}, 1_000)`)
  const births: unknown[] = []
  const waiting: ((pid: unknown) => void)[] = []
  const said: string[] = []
  const supervised = supervise({
    name: 'program',
    entry,
    environment: (silentMs) => ({ ...process.env, SILENT_MS: String(silentMs) }),
    ...more,
    log: join(folder, 'program.log'),
    say: (text) => said.push(text),
    onMessage: (pid) => {
      const next = waiting.shift()
      if (next) next(pid)
      else births.push(pid)
    },
  })
  open.push(supervised)
  const born = () => new Promise((resolve) => (births.length > 0 ? resolve(births.shift()) : waiting.push(resolve)))
  return { supervised, born, said, entry }
}

describe('restart', () => {
  test('ends one life and begins the next, without calling it a death', async () => {
    const { supervised, born, said } = run('')
    const first = await born()
    supervised.restart()
    const second = await born()
    expect(second).not.toBe(first)
    expect(supervised.pid()).toBe(second)
    expect(said).toEqual([])
  })

  test('does not wait for a program that will not end', async () => {
    const marker = JSON.stringify(join(folder, 'has-lived'))
    const { supervised, born } = run(`import { existsSync, writeFileSync } from 'node:fs'
      if (!existsSync(${marker})) process.on('SIGTERM', () => {})
      writeFileSync(${marker}, '')`)
    const first = await born()
    supervised.restart()
    expect(await born()).not.toBe(first)
  })

  test('cuts the pause after a death short: the change may be the cure', async () => {
    const { supervised, born, said, entry } = run('process.exit(7)')
    await expect.poll(() => said.length, { timeout: 15_000 }).toBe(3)
    writeFileSync(entry, 'process.send?.(process.pid)\nsetInterval(() => {}, 1_000)')
    supervised.restart()
    expect(await born()).toBe(supervised.pid())
    expect(said.at(-1)).toContain('exit code 7')
  })
})

describe('a program that answers heartbeats', () => {
  const program = JSON.stringify(join(import.meta.dirname, '..', '..', '..', 'api', 'program.ts'))
  /** Says how its last life ended, its pid, and "asked" whenever it has answered. */
  const answering = `import { answerHeartbeats } from ${program}
    answerHeartbeats()
    process.on('message', () => process.send?.('asked'))
    process.on('SIGUSR2', () => { for (;;); })
    process.send?.('after ' + process.env.SILENT_MS)`

  test.each([
    ['whose event loop is blocked', 'SIGUSR2'],
    ['that is stopped', 'SIGSTOP'],
  ] as const)('and %s is killed and started again, and its next life knows why', async (_what, signal) => {
    const { supervised, born, said } = run(answering, { heartbeat: true })
    expect(await born()).toBe('after 0')
    const first = await born()
    expect(await born()).toBe('asked')
    process.kill(Number(first), signal)
    let next = await born()
    while (next === 'asked') next = await born()
    expect(next).toBe('after 2000')
    expect(await born()).not.toBe(first)
    expect(said).toEqual([expect.stringContaining('program did not answer for 2 s and was killed; starting it again')])
    supervised.restart()
    next = await born()
    while (next === 'asked') next = await born()
    expect(next).toBe('after 0')
  })

  test('is left alone when it is the launcher that was late', async () => {
    const { supervised, born, said } = run(answering, { heartbeat: true })
    expect(await born()).toBe('after 0')
    const first = await born()
    expect(await born()).toBe('asked')
    const until = Date.now() + 3_000
    while (Date.now() < until);
    for (let times = 0; times < 3; times += 1) expect(await born()).toBe('asked')
    expect(supervised.pid()).toBe(first)
    expect(said).toEqual([])
  })

  test('is left alone while it starts', async () => {
    const slow = 'const until = Date.now() + 3_500\nwhile (Date.now() < until);'
    const { supervised, born, said } = run(slow, { heartbeat: true })
    expect(await born()).toBe(supervised.pid())
    expect(said).toEqual([])
  })
})
