import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { isIP } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { AuditUnavailable } from '../../../../api/audit/append.ts'
import { personId } from '../../../../api/contract/ids.ts'
import { createProviderConnect } from '../../../../api/gateway/models/provider/connect.ts'
import { createProviderLookup } from '../../../../api/gateway/models/provider/lookup.ts'
import { loadSealKey, seal, unseal } from '../../../../api/gateway/models/provider/seal.ts'
import { createProviders, type Providers } from '../../../../api/gateway/models/providers.ts'
import { unsafeInForce } from '../../../../api/server/policies/dangers.ts'
import { connect, type Store } from '../../../../api/store/connect.ts'
import { type TestDatabase, testDatabase } from '../../../support/database/database.ts'
import { json, openProvider } from '../../../support/models/provider.ts'

const KEY = 'sk-real-key-1234567890abcd'
let database: TestDatabase
let gatewayDb: Store
let providers: Providers
let folder: string

beforeAll(async () => {
  database = await testDatabase()
  gatewayDb = connect(database.gatewayUrl, { max: 2 })
  folder = await mkdtemp(join(tmpdir(), 'seal-'))
  providers = createProviders({ db: gatewayDb, sealKey: await loadSealKey(join(folder, 'gateway', 'seal.key')) })
})
afterAll(async () => {
  await gatewayDb.destroy()
  await database.close()
  await rm(folder, { recursive: true })
})
const save = (id: string, baseUrl: string, key?: string) =>
  providers.save(id, { kind: 'openai', baseUrl, place: 'cloud', ...(key === undefined ? {} : { key }) }, null)
const eventsOf = async (kind: string) =>
  (
    await database.db.selectFrom('audit_events').select('body').where('kind', '=', kind).orderBy('arrival').execute()
  ).map(({ body }) => body)

describe('keys at rest', () => {
  test('the seal key is made once, and only its user may read it', async () => {
    const path = join(folder, 'gateway', 'seal.key')
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await loadSealKey(path)).toEqual(await readFile(path))
  })
  test('gateways that start together make one key', async () => {
    for (let round = 0; round < 20; round += 1) {
      const path = join(folder, `together-${round}`, 'seal.key')
      const keys = await Promise.all(Array.from({ length: 8 }, () => loadSealKey(path)))
      expect(new Set(keys.map((key) => key.toString('hex'))).size).toBe(1)
      expect(await readdir(dirname(path))).toEqual(['seal.key'])
    }
  })
  test('a sealed key opens for what it was bound to only, and only whole', () => {
    const sealKey = Buffer.alloc(32, 7)
    const sealed = seal(sealKey, 'openai https://a', KEY)
    expect(unseal(sealKey, 'openai https://a', sealed)).toBe(KEY)
    expect(sealed.includes(KEY)).toBe(false)
    expect(seal(sealKey, 'openai https://a', KEY).equals(sealed)).toBe(false)
    expect(unseal(sealKey, 'openai https://b', sealed)).toBeNull()
    expect(unseal(Buffer.alloc(32, 8), 'openai https://a', sealed)).toBeNull()
    for (const at of [0, 12, 28, sealed.length - 1]) {
      const altered = Buffer.from(sealed)
      altered[at] = (altered[at] ?? 0) ^ 1
      expect(unseal(sealKey, 'openai https://a', altered)).toBeNull()
    }
    for (const length of [0, 11, 27, sealed.length - 1])
      expect(unseal(sealKey, 'openai https://a', sealed.subarray(0, length))).toBeNull()
  })
})

describe("saving, with the gateway's own grants", () => {
  test('the key is in no row and no event, and the gateway can use it', async () => {
    await save('acme', 'https://models.example.org/v1/', KEY)
    expect(providers.keyOf('acme')).toBe(KEY)
    expect(providers.catalog().providers.get('acme')).toEqual({
      id: 'acme',
      kind: 'openai',
      baseUrl: 'https://models.example.org',
      place: 'cloud',
      hasKey: true,
    })
    const rows = await database.db.selectFrom('providers').selectAll().execute()
    const everything = JSON.stringify([
      rows,
      rows.map(({ sealed_key }) => sealed_key?.toString('latin1')),
      await eventsOf('provider.saved'),
    ])
    expect(everything).not.toContain(KEY)
    expect((await eventsOf('provider.saved')).at(-1)).toContain('"keyChanged":true')
  })
  test('left out, the key stays; empty, it goes', async () => {
    await save('kept', 'https://models.example.org', KEY)
    await save('kept', 'https://models.example.org/v1')
    expect(providers.keyOf('kept')).toBe(KEY)
    await save('kept', 'https://models.example.org', '')
    expect(providers.keyOf('kept')).toBeNull()
  })
  test('a stored key never follows to another server', async () => {
    await save('moved', 'https://models.example.org', KEY)
    for (const other of ['https://evil.example', 'http://models.example.org', 'https://models.example.org:8443'])
      await expect(save('moved', other)).rejects.toThrow('enter the key again')
    expect(providers.catalog().providers.get('moved')?.baseUrl).toBe('https://models.example.org')
  })
  test('an address changed behind our back makes the key useless', async () => {
    await save('tampered', 'https://models.example.org', KEY)
    await database.db
      .updateTable('providers')
      .set({ base_url: 'https://evil.example' })
      .where('id', '=', 'tampered')
      .execute()
    await providers.refresh()
    expect(providers.keyOf('tampered')).toBeNull()
  })
  test.for([
    ['https://user:secret@models.example.org', 'name and password'],
    ['https://models.example.org/?key=1', '"?"'],
    ['http://169.254.169.254', 'Link-local'],
    ['http://2852039166', 'Link-local'],
    ['http://[::ffff:169.254.169.254]', 'Link-local'],
    ['http://[fe80::1]', 'Link-local'],
    ['http://169.254.169.254.', 'Link-local'],
    ['http://[64:ff9b::a9fe:a9fe]', 'Link-local'],
    ['http://[2002:a9fe:a9fe::1]', 'Link-local'],
    ['http://100.100.100.200', 'Link-local'],
    ['http://168.63.129.16', 'Link-local'],
    ['http://192.0.0.192', 'Link-local'],
    ['http://[fd00:ec2::254]', 'Link-local'],
    ['http://[fd20:ce::254]', 'Link-local'],
    ['http://metadata.google.internal', 'Link-local'],
    ['http://METADATA.google.internal.', 'Link-local'],
  ] as const)('%s is refused', async ([address, message]) => {
    await expect(save('odd', address, KEY)).rejects.toThrow(message)
  })
  test.for([
    'http://127.0.0.1:11434',
    'http://localhost:11434',
    'http://ollama:11434',
    'http://gpu.localhost',
    'http://10.1.2.3',
    'http://[::1]:8080',
    'http://[fd12::1]:8080',
    'https://models.example.org/openai',
  ])('%s may hold a model', async (address) => {
    await expect(save('usual', address, KEY)).resolves.toBeUndefined()
  })
  test.for([
    [['10.0.0.5'], null],
    [['127.0.0.1', '::1'], null],
    [['10.0.0.5', '169.254.169.254'], 'credentials'],
    [['::ffff:a9fe:a9fe'], 'credentials'],
    [['fe80::1'], 'credentials'],
  ] as const)('a name that is %j when it is dialled: %s', async ([found, refusal]) => {
    const addresses = found.map((address) => ({ address, family: isIP(address) }))
    const look = createProviderLookup(undefined, (_host, _options, done) => done(null, addresses))
    const answer = new Promise((resolve, reject) =>
      look('models.example.org', { all: true }, (error, got) => (error ? reject(error) : resolve(got))),
    )
    if (refusal === null) await expect(answer).resolves.toEqual(addresses)
    else await expect(answer).rejects.toThrow(refusal)
  })
  describe('a local provider is dialled at local addresses only (L12)', () => {
    const local = (baseUrl: string, unsafeLocal?: boolean) =>
      providers.save('near', { kind: 'openai', baseUrl, place: 'local', ...(unsafeLocal ? { unsafeLocal } : {}) }, null)

    test.for(['https://203.0.113.7', 'http://[2a00:1450:4001::1]', 'http://100.64.0.1', 'http://3405803783'])(
      '%s is not one',
      async (address) => {
        await expect(local(address)).rejects.toThrow('not an address of a private network')
        await expect(local(address, true)).resolves.toBeUndefined()
        expect(providers.catalog().providers.get('near')).toMatchObject({ place: 'local', unsafeLocal: true })
        expect((await eventsOf('provider.saved')).at(-1)).toContain('"unsafe":["unsafeLocal"]')
        expect(await unsafeInForce(database.db)).toContain('provider near: unsafeLocal')
      },
    )
    test('what was accepted is taken back by saving without it', async () => {
      await local('http://10.0.0.1', true)
      await local('http://10.0.0.1')
      expect(providers.catalog().providers.get('near')).not.toHaveProperty('unsafeLocal')
      expect((await eventsOf('provider.saved')).at(-1)).toContain('"unsafe":[]')
      expect(await unsafeInForce(database.db)).toEqual([])
    })
    test('in the cloud there is nothing to accept', async () => {
      const accepted = {
        kind: 'openai',
        baseUrl: 'https://models.example.org',
        place: 'cloud',
        unsafeLocal: true,
      } as const
      await expect(providers.save('far', accepted, null)).rejects.toThrow('unsafeLocal')
    })

    const found = (...addresses: string[]) => addresses.map((address) => ({ address, family: isIP(address) }))
    test.for([
      ['models.example.org', found('203.0.113.7'), {}, 'not an address'],
      ['models.example.org', found('10.0.0.5', '203.0.113.7'), {}, 'not an address'],
      ['models.example.org', found('fd12::1', '2a00:1450:4001::1'), {}, 'not an address'],
      ['models.example.org', found('64:ff9b::cb00:7107'), {}, 'not an address'],
      ['203.0.113.7', [], {}, 'not an address'],
      ['[2a00:1450:4001::1]', [], {}, 'not an address'],
      ['models.example.org', found('127.0.0.1'), {}, null],
      ['127.0.0.1', [], {}, null],
      ['models.example.org', found('127.0.0.1'), { unsafeLocal: true }, null],
    ] as const)('%s that is %j when it is dialled, %j: %s', async ([hostname, addresses, more, refusal]) => {
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      const address = server.address()
      const port = String(typeof address === 'object' ? address?.port : 0)
      const connect = createProviderConnect(
        { place: 'local', ...more },
        { findAll: (_host, _options, done) => done(null, [...addresses]) },
      )
      const connected = new Promise<void>((resolve, reject) =>
        connect({ hostname, port, protocol: 'http:' }, (error, socket) => {
          socket?.destroy()
          if (error) reject(error)
          else resolve()
        }),
      )
      if (refusal === null) await expect(connected).resolves.toBeUndefined()
      else await expect(connected).rejects.toThrow(refusal)
      server.close()
    })
    test('a test of it sends nothing, and says why', async () => {
      await local('http://10.0.0.1')
      await database.db
        .updateTable('providers')
        .set({ base_url: 'http://203.0.113.7' })
        .where('id', '=', 'near')
        .execute()
      expect(await providers.test('near', null)).toMatchObject({
        ok: false,
        message: expect.stringContaining('not one of a private network'),
      })
      await database.db.deleteFrom('providers').where('id', '=', 'near').execute()
    })
  })

  test('the name of the built-in provider is taken', async () => {
    await expect(save('demo', 'https://models.example.org')).rejects.toThrow('built-in')
  })
  test('one that is assigned is not removed; another is, with its key', async () => {
    await save('used', 'https://models.example.org', KEY)
    await database.db
      .insertInto('model_assignments')
      .values({ slot: 'cloud', provider_id: 'used', model: 'm' })
      .execute()
    await providers.refresh()
    expect(providers.catalog().assignments).toEqual([{ slot: 'cloud', provider: 'used', model: 'm' }])
    await expect(providers.remove('used', null)).rejects.toThrow('Assign another one first')
    await database.db.deleteFrom('model_assignments').execute()
    await providers.remove('used', null)
    expect(providers.keyOf('used')).toBeNull()
    expect(await eventsOf('provider.removed')).toHaveLength(1)
  })
  test('what cannot be recorded is not saved', async () => {
    await database.db.schema.alterTable('audit_events').renameTo('hidden').execute()
    try {
      await expect(save('unrecorded', 'https://models.example.org', KEY)).rejects.toThrow()
    } finally {
      await database.db.schema.alterTable('hidden').renameTo('audit_events').execute()
    }
    await providers.refresh()
    expect(providers.catalog().providers.has('unrecorded')).toBe(false)
  })
})

describe('testing a provider', () => {
  test.for([
    ['a list of models', 200, { data: [{ id: 'big-1' }, { id: 'big-2' }] }, { ok: true, models: ['big-1', 'big-2'] }],
    ['a refused key', 401, { error: KEY }, { ok: false, message: expect.stringContaining('refused the key') }],
    ['a wrong path', 404, {}, { ok: false, message: expect.stringContaining('base URL, without /v1') }],
    ['something else', 200, { hello: 1 }, { ok: false, message: expect.stringContaining('not with a list of models') }],
    ['a redirect', 302, {}, { ok: false, message: expect.stringContaining('not followed') }],
  ] as const)('%s', async ([_what, status, body, expected]) => {
    const upstream = await openProvider((_request, response) =>
      json(response, status, body, status === 302 ? { location: '/x' } : {}),
    )
    await save('tested', upstream.url, KEY)
    const result = await providers.test('tested', null)
    await upstream.close()
    expect(result).toMatchObject(expected)
    expect(JSON.stringify(result)).not.toContain(KEY)
    expect(upstream.seen).toMatchObject([
      { method: 'GET', url: '/v1/models', headers: { authorization: `Bearer ${KEY}` } },
    ])
  })
  test('nobody there', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    server.close()
    await save('tested', `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`, KEY)
    expect(await providers.test('tested', null)).toMatchObject({
      ok: false,
      message: expect.stringContaining('ECONNREFUSED'),
    })
  })
  const lastEvents = async () =>
    (await database.db.selectFrom('audit_events').select('body').orderBy('arrival').execute())
      .slice(-2)
      .map(({ body }): unknown => JSON.parse(body))
  const hideLog = () => database.db.schema.alterTable('audit_events').renameTo('hidden').execute()
  const showLog = () => database.db.schema.alterTable('hidden').renameTo('audit_events').execute()

  test('who asked is recorded before the key leaves, and how it ended after', async () => {
    const before: unknown[] = []
    const upstream = await openProvider(async (_request, response) => {
      before.push((await lastEvents()).at(-1))
      json(response, 200, { data: [] })
    })
    await save('recorded', upstream.url, KEY)
    const person = 'pe_aaaaaaaaaaaaaaaa'
    const { message } = await providers.test('recorded', personId.parse(person))
    await upstream.close()
    const [tested, answered] = z.array(z.looseObject({ id: z.string() })).parse(await lastEvents())
    expect(before).toEqual([tested])
    const detail = { provider: 'recorded', baseUrl: upstream.url }
    const actor = { type: 'person', id: person }
    expect(tested).toMatchObject({ kind: 'provider.tested', actor, person, decision: 'allow', reason: 'admin', detail })
    expect(answered).toMatchObject({
      kind: 'provider.answered',
      person,
      decision: 'info',
      reason: 'completed',
      correlation: tested?.id,
      detail: { ...detail, outcome: message },
    })
  })
  test('a test that fails says so in the log', async () => {
    const upstream = await openProvider((_request, response) => json(response, 401, {}))
    await save('recorded', upstream.url, KEY)
    const { message } = await providers.test('recorded', null)
    await upstream.close()
    expect((await lastEvents()).at(-1)).toMatchObject({
      kind: 'provider.answered',
      reason: 'upstream-error',
      detail: { outcome: message },
    })
  })
  test('what cannot be recorded is not sent', async () => {
    const upstream = await openProvider((_request, response) => json(response, 200, { data: [] }))
    await save('unseen', upstream.url, KEY)
    await hideLog()
    await expect(providers.test('unseen', null).finally(showLog)).rejects.toThrow(AuditUnavailable)
    await upstream.close()
    expect(upstream.seen).toEqual([])
  })
  test('an outcome that cannot be recorded is not told', async () => {
    const upstream = await openProvider(async (_request, response) => {
      await hideLog()
      json(response, 200, { data: [] })
    })
    await save('untold', upstream.url, KEY)
    await expect(providers.test('untold', null).finally(showLog)).rejects.toThrow(AuditUnavailable)
    await upstream.close()
    expect((await lastEvents()).at(-1)).toMatchObject({ kind: 'provider.tested', detail: { provider: 'untold' } })
  })
  test('an unknown one', async () => {
    await expect(providers.test('nobody', null)).rejects.toThrow('no provider')
  })
})
