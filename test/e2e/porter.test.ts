/** The porter in a real sandbox, under each runtime, behind a real door. */
import type { Duplex } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { failuresOf, judgeProof } from '../../api/policy/proof.ts'
import { type DooredSandbox, sandboxWithDoor } from '../support/sandbox/doored.ts'
import { createTestRunner, type TestRunner } from '../support/sandbox/sandboxes.ts'

let runner: TestRunner
beforeAll(async () => {
  runner = await createTestRunner()
})
afterAll(() => runner?.close())

function readUntil(bytes: Duplex, what: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let seen = ''
    bytes.on('data', (piece: Buffer) => {
      seen += piece.toString()
      if (seen.includes(what)) resolve(seen)
    })
    bytes.once('close', () => reject(new Error(`closed after: ${seen.slice(-300)}`)))
  })
}

describe.each(['runc', 'runsc'] as const)('under %s', (runtime) => {
  let sandbox: DooredSandbox
  beforeAll(async () => {
    const { runtimes } = await runner.doctor.examine()
    if (!runtimes.includes(runtime))
      throw new Error(`${runtime} is not registered with Docker here. See backlot doctor.`)
    sandbox = await sandboxWithDoor(runner, { runtime })
  })
  afterAll(() => sandbox?.close())

  test('it has what this kernel can give, and says what not', async () => {
    expect(await sandbox.health()).toMatchObject({ landlock: runtime === 'runc', dns: true })
  })

  test('everything that must be refused is refused (I13, I14, D03)', async () => {
    const { results } = await sandbox.porter().probe({ allowed: null })
    const proof = judgeProof(results, new Date(), runtime)
    expect(failuresOf(proof)).toEqual([])
    expect(proof.ok).toBe(true)
    const asked = sandbox.events.filter(({ kind, decision }) => kind === 'egress.request' && decision === 'deny')
    expect(asked.length).toBe(4)
  })

  test.each([
    ['stops the porter', 'kill -STOP $porter', /not permitted/],
    ['ends the porter', 'kill -KILL $porter', /not permitted/],
    ['ends process 1', 'kill -KILL 1', /not permitted/],
    ['reads its memory', 'head -c1 /proc/$porter/mem', /denied|not permitted/],
    ['enters its file system', 'ls /proc/$porter/root/', /denied|not permitted|Invalid argument/],
    ['becomes the porter', 'setpriv --reuid $uid --clear-groups true', /failed|not permitted/],
    ...['porter', 'egress', 'model'].map((name): [string, string, RegExp] => [
      `dials ${name}.sock`,
      `python3 -c "import socket; socket.socket(socket.AF_UNIX).connect('/run/backlot/${name}.sock')"`,
      /PermissionError/,
    ]),
  ])('C26: a program of the agent that %s is refused', async (_what, script, says) => {
    const porter = 'porter=$(pgrep -o -f ^/usr/local/bin/node) && uid=$(stat -c %u /proc/$porter)'
    const { exitCode, stderr } = await sandbox.shell(`${porter}; ${script}`)
    expect({ refused: exitCode !== 0, stderr }).toEqual({ refused: true, stderr: expect.stringMatching(says) })
    expect(await sandbox.shell('echo mine; exit 7')).toMatchObject({ stdout: 'mine\n', exitCode: 7 })
  })

  test.each(['socket', '_socket', 'sitecustomize', 'usercustomize', 'selectors'])(
    'the proof runs nothing that was left in the workspace: %s.py',
    async (name) => {
      const left = `/workspace/${name}.py`
      await sandbox.shell(`echo 'open("/workspace/it-ran", "w")' > ${left}`)
      const { results } = await sandbox.porter().probe({ allowed: null })
      const { stdout } = await sandbox.shell(`ls /workspace; rm -f ${left} /workspace/it-ran`)
      expect(stdout).not.toContain('it-ran')
      expect(failuresOf(judgeProof(results, new Date(), runtime))).toEqual([])
    },
  )

  test('a terminal works, keeps its screen over a restart of the gateway, and is the maker’s', async () => {
    await sandbox.terminals().open({ name: 'main', cols: 100, rows: 30 })
    const first = await sandbox.terminals().stream('main', null)
    first.bytes.write('id -un; stty size; echo be""fore\n')
    const seen = await readUntil(first.bytes, 'before\r\n')
    expect(seen).toContain('Your files are in /workspace')
    expect(seen).toContain('maker\r\n30 100')
    await sandbox.restartGateway()
    const second = await sandbox.terminals().stream('main', 0)
    second.bytes.write('echo aft""er\n')
    expect(await readUntil(second.bytes, 'after\r\n')).toMatch(/before\r\n.*after\r\n/s)
  })

  test.each([
    [
      'a name',
      'python3 -c "import socket; socket.getaddrinfo(\'example.com\', 443)"',
      /Name or service not known|No address/,
    ],
    [
      'D03 another resolver',
      "python3 -c \"import socket; s=socket.socket(2,2); s.sendto(b'x',('8.8.8.8',53))\"",
      /unreachable|No route/i,
    ],
    ['a raw address', 'curl -sS --noproxy "*" -m 5 https://1.1.1.1', /connect|unreachable/i],
    ['a raw address through the proxy', 'curl -sS -m 5 https://1.1.1.1', /403/],
    ['a name that no rule allows', 'curl -sS -m 5 https://example.com', /403/],
  ])('%s leads nowhere', async (_what, script, said) => {
    const { exitCode, stderr } = await sandbox.shell(script)
    expect(exitCode).not.toBe(0)
    expect(stderr).toMatch(said)
  })

  test('a program cannot take the place of the DNS stub, and what it answers elsewhere opens nothing (D10)', async () => {
    const taking = (kind: string, address: string) =>
      `import socket; s=socket.socket(socket.AF_INET, socket.${kind}); ` +
      `s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1); s.bind(('${address}', 53))`
    for (const kind of ['SOCK_DGRAM', 'SOCK_STREAM']) {
      const { exitCode, stderr } = await sandbox.shell(`python3 -c "${taking(kind, '127.0.0.1')}"`)
      expect({ kind, exitCode, stderr }).toMatchObject({
        kind,
        exitCode: 1,
        stderr: expect.stringMatching(/in use|denied/i),
      })
    }
    // The name may lead anywhere inside: the gateway is asked for the name, and judges that.
    const told = await sandbox.shell('curl -sS -m 5 --resolve example.com:443:127.0.0.1 https://example.com')
    expect(told.stderr).toMatch(/403/)
  })

  test('model calls reach the gateway without a key', async () => {
    const { stdout } = await sandbox.shell(
      'curl -sS $OPENAI_BASE_URL/models -H "authorization: Bearer $OPENAI_API_KEY"',
    )
    expect(stdout).toContain('default')
  })

  test('no descriptor of the porter is open in what it starts, another terminal’s neither (C10)', async () => {
    await sandbox.terminals().open({ name: 'second', cols: 80, rows: 24 })
    const { bytes } = await sandbox.terminals().stream('second', null)
    bytes.write('for fd in /proc/$$/fd/*; do readlink $fd; done; echo e""nd\n')
    expect(await readUntil(bytes, 'end\r\n')).not.toContain('ptmx')
    const { stdout } = await sandbox.shell('for fd in /proc/$$/fd/*; do readlink $fd; done')
    // stdin, stdout and stderr.
    expect(stdout.trim().split('\n')).toEqual(Array(3).fill(expect.stringMatching(/^(socket|pipe|host):/)))
  })
})

describe('the tool list', () => {
  const planted = 'cp /usr/bin/true /workspace/planted && chmod +x /workspace/planted && /workspace/planted'

  test('what is made in the workspace runs when the policy says so', async () => {
    const sandbox = await sandboxWithDoor(runner, { workspaceExec: true })
    expect(await sandbox.shell(planted)).toMatchObject({ exitCode: 0 })
    await sandbox.close()
  })

  test('and is refused by the kernel, and proven so, when it does not', async () => {
    const sandbox = await sandboxWithDoor(runner, { workspaceExec: false })
    for (const script of [
      planted,
      '/lib64/ld-linux-x86-64.so.2 /workspace/planted',
      'cp /usr/bin/true /tmp/x; /tmp/x',
    ]) {
      const { exitCode, stderr } = await sandbox.shell(script)
      expect({ script, refused: exitCode !== 0 && /denied|not permitted|failed to map/i.test(stderr) }).toEqual({
        script,
        refused: true,
      })
    }
    const { results } = await sandbox.porter().probe({ allowed: null, workspaceExec: false })
    expect(results.find(({ probe }) => probe === 'forbidden-executable')).toMatchObject({ got: 'refused' })
    await sandbox.close()
  })

  test('Landlock keeps programs from places that nobody meant for them', async () => {
    const sandbox = await sandboxWithDoor(runner, { workspaceExec: true })
    const { exitCode, stderr } = await sandbox.shell('cp /usr/bin/true /dev/shm/x && chmod +x /dev/shm/x && /dev/shm/x')
    expect(exitCode).not.toBe(0)
    expect(stderr).toMatch(/denied/i)
    await sandbox.close()
  })
})

test('an idle porter adds at most 30 MiB that cannot be shared', async () => {
  const sandbox = await sandboxWithDoor(runner)
  const { pid } = await sandbox.health()
  const { stdout } = await sandbox.shell(`grep RssAnon /proc/${pid}/status`)
  expect(Number(/(\d+) kB/.exec(stdout)?.[1])).toBeLessThan(30 * 1024)
  await sandbox.close()
})
