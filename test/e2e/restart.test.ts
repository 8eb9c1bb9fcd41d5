/** Each program may die at any moment: the launcher starts it again and says so, and nobody loses what they had. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { auditList } from '../../api/contract/audit.ts'
import { apiTokenList } from '../../api/contract/people.ts'
import { type PrototypeView, prototypeList, prototypeView } from '../../api/contract/prototypes.ts'
import { ownVersion } from '../../api/version.ts'
import { type Platform, startPlatform } from '../support/server/platform.ts'
import { pidsIn, pidsOf } from '../support/server/processes.ts'
import { runProgram } from '../support/server/program.ts'
import { createSession, type Session } from '../support/server/session.ts'
import { openTerminal } from '../support/server/terminal.ts'
import { until } from '../support/until.ts'

/** How long people may wait after a program was killed. */
const BACK_MS = 30_000
const credentials = { email: 'ada@example.org', password: 'a long enough password' }
const account = { name: 'Ada', ...credentials }

/** On the host, the process of that sandbox that is the porter. */
const porterOf = (sandbox: string) =>
  pidsOf('/opt/backlot/porter/main.js', `BACKLOT_SANDBOX=${sandbox}`).filter((pid) =>
    readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('node'),
  )

describe('when a program is killed', () => {
  let platform: Platform
  let owner: Session
  let prototype: PrototypeView

  beforeAll(async () => {
    platform = await startPlatform()
    owner = await platform.signIn()
    prototype = await owner.createPrototype('Survivor')
  })
  afterAll(() => platform?.close())

  const worksAgain = () =>
    until(
      'the sandbox answers',
      async () => {
        const answer = await owner.exec(prototype.sandbox.id, ['echo', 'here']).catch(() => null)
        return answer?.stdout === 'here\n' ? answer : null
      },
      BACK_MS,
    )

  test.each([
    ['runner', '/api/runner/runner.ts', /runner stopped \(SIGKILL\)/],
    ['gateways', '/api/gateway/gateway.ts', /gateway\/0 stopped \(SIGKILL\)/],
    ['server', '/api/server/server.ts', /server stopped \(SIGKILL\)/],
    ['PostgreSQL', 'unix_socket_directories', /PostgreSQL stopped/],
  ])('the launcher starts the %s again, and sandbox and terminal live on (G06)', async (name, part, said) => {
    const terminal = `before-${name.toLowerCase()}`
    const before = await openTerminal(owner, prototype.sandbox.id, terminal)
    before.send('export KEPT=still-$((6*7)); echo kept-$((6*7))\r')
    await before.until(/kept-42/)
    const container = await owner.shell(prototype.sandbox.id, 'cat /proc/sys/kernel/random/boot_id; stat -c %Z /proc/1')

    const pids = pidsIn(platform.home, part)
    expect(pids).not.toEqual([])
    for (const pid of pids) process.kill(pid, 'SIGKILL')

    await platform.untilSaid(said, BACK_MS)
    await worksAgain()
    const same = await owner.shell(prototype.sandbox.id, 'cat /proc/sys/kernel/random/boot_id; stat -c %Z /proc/1')
    expect(same.stdout).toBe(container.stdout)
    await until('the terminal answers', () => answers(terminal), BACK_MS)
  })

  test('a sandbox whose porter dies comes back only through a new proof, and that is in the log (C25)', async () => {
    const { id } = prototype.sandbox
    const read = async (kind: string) => {
      const { body } = await owner.call('GET', `/audit/events?kind=${kind}&sandbox=${id}&limit=50`)
      return auditList.parse(body).items.toReversed()
    }
    const earlier = (await read('sandbox.state')).length
    const [porter = 0] = porterOf(id)
    expect(porter).toBeGreaterThan(0)
    process.kill(porter, 'SIGKILL')
    const states = await until(
      'it is claimed again',
      async () => {
        const found = (await read('sandbox.state')).slice(earlier).map(({ detail }) => `${detail.from} → ${detail.to}`)
        return found.includes('proving → claimed') ? found : null
      },
      BACK_MS,
    )
    expect(states).toEqual(['claimed → starting', 'starting → proving', 'proving → claimed'])
    expect((await read('sandbox.proven')).at(-1)).toMatchObject({ decision: 'allow' })
    expect((await read('porter.lost')).length).toBeGreaterThan(0)
    expect((await read('porter.replaced')).length).toBe(1)
    await worksAgain()
  })

  /** A new connection finds the shell that was there, with its variable and its screen. */
  async function answers(name: string): Promise<true | null> {
    try {
      const terminal = await openTerminal(owner, prototype.sandbox.id, name, 0)
      terminal.send('echo "[$KEPT]"\r')
      const text = await terminal.until(/\[still-42\]/, 5_000)
      await terminal.close()
      return text.includes('kept-42') ? true : null
    } catch {
      return null
    }
  }
})

describe('when Backlot is stopped and started again', () => {
  let platform: Platform
  let again: Platform | undefined

  beforeAll(async () => {
    platform = await startPlatform()
  })
  afterAll(async () => {
    await again?.stop()
    await platform?.close()
  })

  test('people, prototypes, sandboxes, terminals with their screen, and the log are still there', async () => {
    const owner = await platform.signIn()
    const setUp = await owner.call('PATCH', '/me', account)
    expect(setUp.status, JSON.stringify(setUp.body)).toBe(200)
    const prototype = await owner.createPrototype('Tides')
    const sandbox = prototype.sandbox.id
    const terminal = await openTerminal(owner, sandbox, 'main')
    terminal.send('export KEPT=$((6*7)); echo written-$KEPT\r')
    await terminal.until(/written-42/)
    await owner.shell(sandbox, 'echo kept > /workspace/kept; sleep 1000 & echo $!')
    const newest = async (session: Session) =>
      auditList.parse((await session.call('GET', '/audit/events?limit=1')).body).items[0]?.seq
    const logged = await newest(owner)
    expect(await platform.stop()).toBe(0)

    again = await startPlatform({ home: platform.home })
    const back = await again.signIn()
    const { items } = prototypeList.parse((await back.call('GET', '/prototypes')).body)
    expect(items.map(({ title, owner: { name } }) => ({ title, name }))).toEqual([{ title: 'Tides', name: 'Ada' }])
    const view = prototypeView.parse((await back.call('GET', `/prototypes/${prototype.id}`)).body)
    expect(view.sandbox).toMatchObject({ id: sandbox, state: 'claimed' })
    await until(
      'the sandbox answers',
      () =>
        back.exec(sandbox, ['cat', '/workspace/kept']).then(
          ({ stdout }) => stdout || null,
          () => null,
        ),
      BACK_MS,
    )
    const screen = await openTerminal(back, sandbox, 'main', 0)
    await screen.until(/written-42/)
    screen.send('echo "[$KEPT]"\r')
    await screen.until(/\[42\]/)
    await screen.close()
    expect(await newest(back)).toBeGreaterThan(logged ?? 0)
  })

  test('a token made at the command line acts as its person, until it is revoked', async () => {
    const { url, home } = again ?? platform
    const makeToken = (email: string) =>
      runProgram('backlot.mjs', ['token', 'create', '--email', email, '--name', 'nightly'], { BACKLOT_HOME: home })
    expect(await makeToken('nobody@example.org')).toMatchObject({
      code: 2,
      stdout: '',
      stderr: 'Nobody has the address nobody@example.org.\n',
    })
    const made = await makeToken('Ada@example.org')
    expect(made).toMatchObject({ code: 0, stderr: '' })
    const token = made.stdout.trim()
    const asTold = () => fetch(`${url}/api/v1/me`, { headers: { authorization: `Bearer ${token}` } })
    const me = await asTold()
    expect(me.status).toBe(200)
    expect(await me.json()).toMatchObject({ person: { name: 'Ada', email: account.email } })

    const owner = await createSession(url, credentials)
    const { items } = apiTokenList.parse((await owner.call('GET', '/tokens')).body)
    expect(items.map(({ name }) => name)).toEqual(['nightly'])
    expect((await owner.call('DELETE', `/tokens/${items[0]?.id}`)).status).toBe(204)
    expect((await asTold()).status).toBe(401)
  })

  test('a start says which dangers its policies accept, to whoever starts it and to the log', async () => {
    const running = again ?? platform
    expect(running.said()).toContain('Warning: policy standard: egress.unsafeOpaque: npm-read/0\n')
    const owner = await createSession(running.url, credentials)
    const { items } = auditList.parse((await owner.call('GET', '/audit/events?kind=platform.started')).body)
    expect(new Set(items.map(({ detail }) => detail.version))).toEqual(new Set([ownVersion()]))
    const starts = items.filter(({ detail }) => detail.program === 'server')
    expect(starts.map(({ detail }) => detail.unsafe)).toEqual(
      starts.map(() => ['policy standard: egress.unsafeOpaque: npm-read/0']),
    )
  })

  test('a second start of the same state folder is refused, in words (A10)', async () => {
    const folder = again?.home ?? platform.home
    await expect(startPlatform({ home: folder })).rejects.toThrow(/already running with this state folder/)
  })
})
