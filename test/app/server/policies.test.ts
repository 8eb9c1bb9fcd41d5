import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { auditEnvelope } from '../../../api/contract/audit.ts'
import { policyInForce } from '../../../api/contract/policy.ts'
import { checkPolicies } from '../../../api/server/policies/check.ts'
import { unsafeInForce } from '../../../api/server/policies/dangers.ts'
import { type Library, openLibrary } from '../../../api/server/policies/library.ts'
import { publishPolicy, seedPolicies } from '../../../api/server/policies/publish.ts'
import { connect, type Store } from '../../../api/store/connect.ts'
import { type TestDatabase, testDatabase } from '../../support/database/database.ts'

const log = pino({ level: 'silent' })
const images = 'sandbox-images'
/** A package client that names `host`, as a company would configure it. */
const clients = (host: string) => ({
  run: async (command: string) => (command === 'npm' ? `https://${host}/npm/\n` : Promise.reject(new Error('ENOENT'))),
  resolve: async () => ['93.184.216.34'],
})
const open = (host = 'packages.example.org') => openLibrary({ folder: 'policies', images, registries: clients(host) })

let database: TestDatabase
let db: Store
let library: Library
let folder: string

beforeAll(async () => {
  database = await testDatabase()
  db = connect(database.serverUrl, { max: 4 })
})
afterAll(async () => {
  await db.destroy()
  await database.close()
})
beforeEach(async () => {
  await database.db.deleteFrom('policies').execute()
  library = await open()
  folder = await mkdtemp(join(tmpdir(), 'policies-'))
  await cp('policies/default.yaml', join(folder, 'default.yaml'))
  return () => rm(folder, { recursive: true })
})

const rows = () => database.db.selectFrom('policies').selectAll().orderBy('name').orderBy('version').execute()
const published = async () =>
  (await database.db.selectFrom('audit_events').select('body').where('kind', '=', 'policy.published').execute()).length
const rebuild = () => {}
const publish = (yaml: string, more: { name?: string } = {}) =>
  publishPolicy(db, { yaml, library, origin: 'api', person: null, rebuild, ...more })
const small = (description: string) =>
  `{ policy: small, description: ${description}, tools: { allow: [] }, sandbox: {}, egress: [], models: { default: {} } }`

test('a tool whose tool.yaml does not hold is offered to nobody, and the reason names the file', async () => {
  const tools = await mkdtemp(join(tmpdir(), 'images-'))
  onTestFinished(() => rm(tools, { recursive: true }))
  await cp(images, tools, { recursive: true })
  await cp(join(tools, 'tools/opencode'), join(tools, 'tools/other'), { recursive: true })
  await writeFile(join(tools, 'tools/opencode/tool.yaml'), 'id: opencode\nhosts: everywhere\n')
  const broken = await openLibrary({ folder: 'policies', images: tools, registries: clients('packages.example.org') })
  expect(broken.problems).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^tools[/]opencode[/]tool[.]yaml: line 2, hosts: /),
      "tools/other/tool.yaml: the id must be the folder's name, other.",
    ]),
  )
  expect(await broken.judge(await readFile('policies/default.yaml', 'utf8'), 1)).toMatchObject({
    ok: false,
    problems: [{ message: expect.stringContaining('There is no tool "opencode" here') }],
  })
})

test('a package client that does not answer is asked again the next time', async () => {
  const answers = [null, 'https://packages.example.org/npm/\n']
  const asked = await openLibrary({
    folder: 'policies',
    images,
    registries: {
      run: async () => answers.shift() ?? Promise.reject(new Error('it took too long')),
      resolve: async () => ['93.184.216.34'],
    },
  })
  const yaml = await readFile('policies/default.yaml', 'utf8')
  expect(await asked.judge(yaml, 1)).toMatchObject({ ok: false })
  expect(await asked.judge(yaml, 1)).toMatchObject({ ok: true })
  expect(answers).toEqual([])
  expect(await asked.judge(yaml, 1)).toMatchObject({ ok: true })
})

describe("publishing, with the server's own grants", () => {
  test('what is in force says what it was made from, and is recorded', async () => {
    const before = await published()
    expect(await publish(small('one'))).toMatchObject({ name: 'small', version: 1, changed: true })
    expect(await published()).toBe(before + 1)
    const [row] = await rows()
    expect(row?.source).toBe(small('one'))
    expect(policyInForce.parse(row?.body)).toMatchObject({
      name: 'small',
      version: 1,
      description: 'one',
      hash: row?.hash,
    })
  })
  test('the same again is no new version', async () => {
    await publish(small('one'))
    expect(await publish(`# a comment\n${small('one')}`)).toMatchObject({ version: 1, changed: false })
    expect(await publish(small('two'))).toMatchObject({ version: 2, changed: true })
    expect(await publish(small('one'))).toMatchObject({ version: 3, changed: true })
  })
  test('many at once get a version each, and none is lost', async () => {
    await Promise.all(Array.from({ length: 8 }, (_, index) => publish(small(`number ${index}`))))
    expect((await rows()).map(({ version }) => version)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  })
  test.for([
    ['policy: [', /line 1/],
    [small('x').replace('egress: []', 'egress: [], budgets: { run: {} }'), /budgets: .*not enforced by this version/],
    [
      small('x').replace('egress: []', 'egress: [{ use: gone-read }]'),
      /egress\[0\].use: There is no bundle "gone-read"/,
    ],
    [
      small('x').replace('egress: []', 'egress: [{ use: pypi-read }]'),
      /pypi-read cannot be used on this machine: pip.*Install it/,
    ],
    [small('x').replace('allow: []', 'allow: [codex]'), /There is no tool "codex" here/],
  ] as const)('%s changes nothing', async ([yaml, message]) => {
    await expect(publish(yaml)).rejects.toThrow(message)
    expect(await rows()).toEqual([])
  })
  test('the log and the list at start name the dangers that a policy accepts, of its newest version', async () => {
    await publish(small('one').replace('sandbox: {}', 'sandbox: { unsafeUnlimited: true }'))
    const [event] = await database.db
      .selectFrom('audit_events')
      .select('body')
      .orderBy('arrival', 'desc')
      .limit(1)
      .execute()
    const { detail } = auditEnvelope.parse(JSON.parse(event?.body ?? ''))
    expect(detail).toMatchObject({ name: 'small', unsafe: ['sandbox.unsafeUnlimited'] })
    expect(await unsafeInForce(db)).toEqual(['policy small: sandbox.unsafeUnlimited'])
    await publish(small('two'))
    expect(await unsafeInForce(db)).toEqual([])
  })
  test('a policy is not published under another name', async () => {
    await expect(publish(small('x'), { name: 'standard' })).rejects.toThrow('Make them the same')
  })
  test('what cannot be recorded does not come into force', async () => {
    await database.db.schema.alterTable('audit_events').renameTo('hidden').execute()
    try {
      await expect(publish(small('x'))).rejects.toThrow()
    } finally {
      await database.db.schema.alterTable('hidden').renameTo('audit_events').execute()
    }
    expect(await rows()).toEqual([])
  })
})

describe('at a start', () => {
  const seed = (from = library) => seedPolicies(db, { folder, library: from, log, rebuild })
  const versions = async () => (await rows()).map(({ name, version, origin }) => `${name} ${version} ${origin}`)

  test('files are published once', async () => {
    await seed()
    await seed()
    expect(await versions()).toEqual(['standard 1 file'])
    expect(policyInForce.parse((await rows())[0]?.body).egress).toEqual([
      {
        id: 'npm-read/0',
        host: 'packages.example.org',
        ports: [443],
        protocol: 'tls',
        methods: null,
        paths: null,
        addresses: [],
        expires: null,
      },
    ])
  })
  test('clients in a sandbox are sent to the registry that its policy lets them reach, and to no other', async () => {
    await seed()
    const standard = policyInForce.parse((await rows())[0]?.body)
    expect(await library.clientEnvironment(standard)).toEqual({
      NPM_CONFIG_REGISTRY: 'https://packages.example.org/npm/',
    })
    expect(await library.clientEnvironment({ egress: [] })).toEqual({})
  })
  test("an admin's later version stays, until the file changes", async () => {
    await seed()
    const file = await readFile(join(folder, 'default.yaml'), 'utf8')
    await publish(file.replace('cpus: 1', 'cpus: 2'))
    await seed()
    expect(await versions()).toEqual(['standard 1 file', 'standard 2 api'])
    await writeFile(join(folder, 'default.yaml'), file.replace('pids: 256', 'pids: 300'))
    await seed()
    await seed()
    expect(await versions()).toEqual(['standard 1 file', 'standard 2 api', 'standard 3 file'])
  })
  test('a registry that moved moves with the policy', async () => {
    await seed()
    await seed(await open('mirror.example.org'))
    expect(policyInForce.parse((await rows()).at(-1)?.body).egress[0]?.host).toBe('mirror.example.org')
  })
  test('a file that does not hold leaves what is in force in force', async () => {
    await seed()
    await writeFile(join(folder, 'default.yaml'), 'policy: standard\nbudgets: {}\n')
    await seed()
    expect(await versions()).toEqual(['standard 1 file'])
  })
})

describe('backlot policy check', () => {
  const check = (at: string) => checkPolicies({ folder: at, images, registries: clients('packages.example.org') })

  test('the shipped policies hold', async () => {
    const report = await check('policies')
    expect(report.lines.filter((line) => line.startsWith('✗'))).toEqual([])
    expect(report.ok).toBe(true)
  })
  test.for([
    [
      'cases/standard/ok.evil.yaml',
      'why: no\nask: { reach: { host: evil.example } }',
      /ok\.evil\.yaml: the policy denies it: no-rule \(no\)/,
    ],
    ['cases/standard/deny.npm.yaml', 'why: no\nask: { reach: { host: "registry:npm" } }', /the policy allows it/],
    ['cases/standard/maybe.yaml', 'why: no', /begin the name/],
    ['cases/standard/ok.x.yaml', 'ask: { tool: git }', /why: This field is missing/],
    ['cases/standard/deny.x.yaml', 'why: no\nask: { tool: codex }\nexpect: no-rule', /expected "no-rule"/],
    ['default.yaml', 'policy: standard\nvolume: 3', /line 2, volume: There is no such field/],
    ['bundles/other.yaml', 'bundle: another\ndescription: x\negress: [{ registry: npm }]', /named after its bundle/],
    ['presets/twice.yaml', small('x').replace('small', 'standard'), /another file already names/],
  ] as const)('%s is found', async ([file, content, message]) => {
    await cp('policies', folder, { recursive: true, force: true })
    await writeFile(join(folder, file), content)
    const report = await check(folder)
    expect(report.ok).toBe(false)
    expect(report.lines.join('\n')).toMatch(message)
  })
  test('a policy of which nothing but denials is asked is not tested', async () => {
    await cp('policies', folder, { recursive: true, force: true })
    for (const index of Array.from({ length: 20 }, (_, each) => each))
      await writeFile(
        join(folder, 'cases/standard', `deny.${index}.yaml`),
        'why: no\nask: { reach: { host: evil.example } }',
      )
    expect((await check(folder)).lines.join('\n')).toContain('a third at least')
  })
})
