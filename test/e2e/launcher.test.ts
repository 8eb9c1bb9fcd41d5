/**
 * What `npm start` says before and instead of starting. Each row is a real run of api/bin/start.mjs, and says which port:
 * the usual one may be another Backlot's.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { type Program, runProgram } from '../support/server/program.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'bl-'))
  folders.push(made)
  return made
}

const run = (file: Program, argv: string[], env: NodeJS.ProcessEnv = {}) =>
  runProgram(file, argv, { BACKLOT_HOME: folder(), ...env })

describe('npm start', () => {
  test('explains its options', async () => {
    const { code, stdout } = await run('start.mjs', ['--help'])
    expect(code).toBe(0)
    for (const word of ['--port', '--host', '--gateways', '--json', '--no-install', 'BACKLOT_HOME', 'DATABASE_URL'])
      expect(stdout).toContain(word)
  })

  test.each([
    ['a port that is none', ['--port', '99999'], {}, /--port takes a number from 0 to 65535/],
    ['a number of gateways that is none', ['--gateways', '0'], {}, /--gateways takes a number from 1 to 8/],
    ['an option that does not exist', ['--porty', '1'], {}, /--help/],
    [
      'a state folder too deep for unix sockets',
      [],
      { BACKLOT_HOME: `/tmp/${'x'.repeat(80)}` },
      /path is too long.*\n.*BACKLOT_HOME/,
    ],
    [
      'a database address that is none',
      [],
      { DATABASE_URL: 'postgres://owner:secret@db.example.org' },
      /DATABASE_URL names no database/,
    ],
    [
      'a Docker that is not there',
      [],
      { DOCKER_HOST: 'unix:///nowhere/docker.sock' },
      /does not answer at DOCKER_HOST/,
    ],
  ])('refuses %s in one message that says what to do', async (_what, argv, env, words) => {
    const { code, stderr } = await run('start.mjs', ['--json', '--no-install', '--port', '0', ...argv], env)
    expect(code).toBe(1)
    expect(stderr).toMatch(words)
    expect(stderr).not.toMatch(/\n\s+at /)
  })

  test('names the program that has the port', async () => {
    const holder = createServer()
    await new Promise<void>((listening) => holder.listen(0, '127.0.0.1', listening))
    const address = holder.address()
    const port = address !== null && typeof address !== 'string' ? address.port : 0
    const { code, stderr, stdout } = await run('start.mjs', ['--json', '--no-install', '--port', String(port)])
    holder.close()
    expect(code).toBe(1)
    expect(stderr).toContain(`Port ${port} is taken by`)
    expect(stderr).toContain(`process ${process.pid}`)
    expect(stdout).toBe('')
  })

  test('keeps the state folder closed to others', async () => {
    const home = join(folder(), 'state')
    await run('start.mjs', ['--no-install', '--port', '0'], { BACKLOT_HOME: home, DOCKER_HOST: 'unix:///nowhere' })
    expect(statSync(home).mode & 0o777).toBe(0o700)
  })
})

describe('backlot', () => {
  test('checks the shipped policies', async () => {
    const { code, stdout } = await run('backlot.mjs', ['policy', 'check'])
    expect(code, stdout).toBe(0)
  })

  test('examines this host', async () => {
    const { stdout } = await run('backlot.mjs', ['doctor'])
    expect(stdout).toMatch(/Docker: Version/)
    expect(stdout).toMatch(/Runtimes: runc/)
  })

  test('says what to do when no Backlot runs', async () => {
    const { code, stderr } = await run('backlot.mjs', ['audit', 'verify'])
    expect(code).toBe(2)
    expect(stderr).toMatch(/npm start/)
  })
})
