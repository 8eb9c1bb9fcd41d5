import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { policyDocument, policyInForce } from '../../../api/contract/policy.ts'
import { parseBundle } from '../../../api/policy/document/bundles.ts'
import { compilePolicy, type Surroundings } from '../../../api/policy/document/compile.ts'
import { parsePolicy } from '../../../api/policy/document/parse.ts'
import { bytesOf } from '../../../api/policy/document/size.ts'
import type { HostLimits } from '../../../api/policy/limits.ts'
import { unsafeFields } from '../../../api/policy/unsafe.ts'

const around: Surroundings = {
  bundles: new Map(
    ['npm', 'debian'].map((registry) => {
      const parsed = parseBundle(`{ bundle: ${registry}-read, description: d, egress: [{ registry: ${registry} }] }`)
      if (!parsed.ok) throw new Error('bundle')
      return [parsed.value.bundle, parsed.value]
    }),
  ),
  registries: {
    npm: {
      ok: true,
      urls: [],
      endpoints: [{ protocol: 'tls', host: 'packages.example.org', port: 8443, addresses: ['10.1.2.3/32'] }],
    },
    debian: {
      ok: true,
      urls: [],
      endpoints: [{ protocol: 'http', host: 'mirror.example.org', port: 80, addresses: [] }],
    },
  },
  tools: { base: ['git', 'node'], optional: ['opencode'] },
  host: { runtimes: ['runc'], unlimited: {}, escapes: {} },
}

const LINES = {
  policy: 'policy: standard',
  tools: 'tools: { allow: [git, opencode] }',
  sandbox: 'sandbox: {}',
  egress: 'egress: []',
  models: 'models: { default: {} }',
}
const written = (changed: Partial<Record<keyof typeof LINES, string>> = {}, more = '') =>
  [...Object.values({ ...LINES, ...changed }), more].join('\n')

/** `path: message` of everything that is wrong, form first. */
function problemsOf(yaml: string, host: Surroundings['host'] = around.host): string[] {
  const parsed = parsePolicy(yaml)
  const compiled = parsed.ok ? compilePolicy(parsed.value, { ...around, host }, 1, parsed.lineOf) : parsed
  return compiled.ok ? [] : compiled.problems.map(({ path, line, message }) => `${line} ${path}: ${message}`)
}

describe('what this version cannot keep is refused by its name (law 3)', () => {
  test.for([
    ['version: 7', 'version: Versions are counted'],
    ['budgets: { run: { turns: 60 } }', 'budgets: .*not enforced by this version'],
    ['data: []', 'data: .*not enforced by this version'],
    ['capture: { prompts: full }', 'capture: .*not enforced by this version'],
    ['rules: [no-friday-exports]', 'rules: .*not enforced by this version'],
  ] as const)('%s', ([line, message]) => {
    expect(problemsOf(written({}, line))).toEqual([expect.stringMatching(new RegExp(`^6 ${message}`))])
  })
  test.for([
    ['sandbox', 'sandbox: { idle: 30m }', 'sandbox.idle: .*not enforced by this version'],
    ['sandbox', 'sandbox: { lifetime: 14d }', 'sandbox.lifetime: .*not enforced by this version'],
    ['sandbox', 'sandbox: { runtime: runsc }', 'sandbox.runtime: .*not installed on this host'],
    [
      'egress',
      'egress: [{ host: a.example.org, unsafeOpaque: true, credential: github }]',
      'egress\\[0\\].credential: .*not enforced',
    ],
    ['egress', 'egress: [{ host: a.example.org, opaque: true }]', 'egress\\[0\\].opaque: Write `unsafeOpaque: true`'],
    ['egress', 'egress: [{ host: a.example.org }]', 'egress\\[0\\]: Looking into TLS is not enforced by this version'],
    [
      'egress',
      'egress: [{ host: a.example.org, unsafeOpaque: true, methods: [GET] }]',
      'egress\\[0\\].methods: .*not enforced by this version',
    ],
    [
      'egress',
      'egress: [{ host: a.example.org, unsafeOpaque: true, paths: [/x] }]',
      'egress\\[0\\].paths: .*not enforced by this version',
    ],
    [
      'egress',
      'egress: [{ host: a.example.org, ports: [5432], protocol: tcp, unsafeOpaque: true }]',
      'egress\\[0\\].protocol: .*tls and http only',
    ],
    ['tools', 'tools: { allow: [codex] }', 'tools.allow\\[0\\]: There is no tool "codex"'],
  ] as const)('%s: %s', ([field, line, message]) => {
    const number = Object.keys(LINES).indexOf(field) + 1
    expect(problemsOf(written({ [field]: line }))).toEqual([expect.stringMatching(new RegExp(`^${number} ${message}`))])
  })
})

describe('what this host cannot hold is refused by name, and so is accepting a danger that is not there', () => {
  const holdsAll: HostLimits = { runtimes: ['runc', 'runsc'], unlimited: {}, escapes: {} }
  const gvisorWithout: HostLimits = { ...holdsAll, unlimited: { runsc: ['memory', 'cpus', 'pids'] } }
  const noProcessLimit: HostLimits = { ...holdsAll, unlimited: { runc: ['pids'] } }
  const noGvisor: HostLimits = { ...holdsAll, runtimes: ['runc'] }
  const oldRunc: HostLimits = {
    ...holdsAll,
    escapes: { runc: 'runc: Version 1.1.5 may have known container escapes: CVE-1.' },
  }
  const escapes =
    'sandbox.requirePatchedRuntime: runc: Version 1.1.5 may have known container escapes: CVE-1. Upgrade it'
  const allThree = 'sandbox.runtime: sandbox.memory, sandbox.cpus and sandbox.pids would not hold with runsc'
  const pointless = 'sandbox.unsafeUnlimited: Every limit holds with'
  test.for([
    ['sandbox: { runtime: runsc }', gvisorWithout, allThree],
    ['sandbox: { runtime: runsc, unsafeUnlimited: false }', gvisorWithout, allThree],
    ['sandbox: { runtime: runsc, unsafeUnlimited: true }', gvisorWithout, null],
    ['sandbox: { runtime: runc }', gvisorWithout, null],
    ['sandbox: { runtime: runc, unsafeUnlimited: true }', gvisorWithout, pointless],
    ['sandbox: { unsafeUnlimited: true }', gvisorWithout, pointless],
    ['sandbox: { runtime: runsc }', holdsAll, null],
    ['sandbox: { runtime: runsc, unsafeUnlimited: true }', holdsAll, pointless],
    ['sandbox: {}', noProcessLimit, 'sandbox.runtime: sandbox.pids would not hold with runc'],
    ['sandbox: { unsafeUnlimited: true }', noProcessLimit, null],
    ['sandbox: { runtime: runsc }', noProcessLimit, null],
    ['sandbox: { runtime: runsc }', null, null],
    ['sandbox: { runtime: runsc, unsafeUnlimited: true }', null, null],
    ['sandbox: { runtime: runsc, unsafeUnlimited: true }', noGvisor, 'not installed'],
    ['sandbox: { requirePatchedRuntime: true }', oldRunc, escapes],
    ['sandbox: { requirePatchedRuntime: true, runtime: runc }', oldRunc, escapes],
    ['sandbox: { requirePatchedRuntime: true, runtime: runsc }', oldRunc, null],
    ['sandbox: { requirePatchedRuntime: false }', oldRunc, null],
    ['sandbox: {}', oldRunc, null],
    ['sandbox: { requirePatchedRuntime: true }', holdsAll, null],
    ['sandbox: { requirePatchedRuntime: true }', null, null],
    ['sandbox: { requirePatchedRuntime: soon }', holdsAll, 'sandbox.requirePatchedRuntime: '],
    ['sandbox: { unsafeUnlimited: 1 }', holdsAll, 'sandbox.unsafeUnlimited: '],
  ] as const)('%s, %j: %s', ([sandbox, host, message]) => {
    const problems = problemsOf(written({ sandbox }), host)
    expect(problems).toEqual(message === null ? [] : [expect.stringContaining(message)])
  })
  test('the refusal says what to do', () => {
    const [problem] = problemsOf(written({ sandbox: 'sandbox: { runtime: runsc }' }), gvisorWithout)
    for (const words of ['backlot doctor', 'another runtime', '`unsafeUnlimited: true`'])
      expect(problem).toContain(words)
  })
})

describe('mistakes are told with their place', () => {
  test.for([
    ['egres: []', /egres: There is no such field\. Did you mean `egress`\?/],
    ['Egress: []', /Egress: There is no such field\. Did you mean `egress`\?/],
  ] as const)('%s', ([line, message]) => {
    expect(problemsOf(written({}, line))[0]).toMatch(message)
  })
  test.for([
    [
      'egress',
      'egress: [{ host: a.example.org, unsafeOpaque: true, method: [GET] }]',
      /egress\[0\]\.method: .*Did you mean `methods`/,
    ],
    ['egress', 'egress: [{ use: npm-read, ports: [1] }]', /egress\[0\]\.ports: There is no such field/],
    [
      'egress',
      'egress: [{ use: nmp-read }]',
      /egress\[0\]\.use: There is no bundle "nmp-read". Known: debian-read, npm-read\./,
    ],
    ['egress', 'egress: [{ ports: [443] }]', /egress\[0\]\.host: This field is missing/],
    ['egress', 'egress:', /egress: /],
    ['tools', 'tools: { allow: git }', /tools\.allow: /],
    ['tools', 'tools: {}', /tools\.allow: This field is missing/],
    ['sandbox', 'sandbox: { memory: 2GB }', /sandbox\.memory: /],
    ['sandbox', 'sandbox: { memory: 2048 }', /sandbox\.memory: /],
    ['sandbox', 'sandbox: { cpus: -1 }', /sandbox\.cpus: /],
    ['models', 'models: { default: { cloud: claude } }', /models\.default\.cloud: /],
    [
      'models',
      'models: { default: {}, labels: { secret: none } }',
      /models\.labels\.secret: There is no such field|models\.labels/,
    ],
    ['policy', 'policy: Standard Policy', /policy: /],
    ['policy', '', /policy: This field is missing/],
  ] as const)('%s: %s', ([field, line, message]) => {
    expect(problemsOf(written({ [field]: line })).join('\n')).toMatch(message)
  })
})

describe('a reader and the machine must see one policy', () => {
  test.for([
    ['a key that occurs twice', written({}, 'egress: [{ use: npm-read }]'), /unique/i],
    ['an anchor', written({ tools: 'tools: &t { allow: [git] }' }), /anchor/],
    ['an anchor of one word', written({ policy: 'policy: &p standard' }), /anchor/],
    ['an anchor of a list', written({ tools: 'tools: { allow: &l [git] }' }), /anchor/],
    ['a tag of one word', written({ policy: 'policy: !own standard' }), /./],
    ['a number and a text that make one key', written({}, '1: a\n"1": b'), /unique/],
    ['a list as a key', written({}, '? [a, b]\n: c'), /plain word/],
    ['an alias', `${written({ tools: 'tools: &t { allow: [git] }' })}\nx: *t`, /anchor|alias/],
    ['a merge key', written({ sandbox: 'sandbox: { <<: { cpus: 64 } }' }), /<<|merge/],
    ['a tag', written({ policy: 'policy: !!binary aGVsbG8=' }), /./],
    ['a second document', `${written()}---\npolicy: other\n`, /document/],
    ['a tab for indentation', 'tools:\n\tallow: []', /./],
    ['nothing', '', /./],
    ['a list', '- policy: standard', /./],
    [
      'a bomb',
      `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghi'
        .split('')
        .map((key, index) => `${key}: &${key} [${`*${'abcdefgh'[index]},`.repeat(9)}]`)
        .join('\n')}`,
      /anchor|alias/,
    ],
    ['__proto__', written({}, '__proto__: { egress: [] }'), /__proto__/],
    ['257 KiB', `${written()}\n#${'x'.repeat(263_000)}`, /larger than 256 KiB/],
  ] as const)('%s', ([_what, yaml, message]) => {
    expect(problemsOf(yaml).join('\n')).toMatch(message)
  })
})

describe('hosts and networks of a rule', () => {
  const rule = (fields: string) => problemsOf(written({ egress: `egress: [{ unsafeOpaque: true, ${fields} }]` }))
  test.for(['a.example.org', 'A.Example.ORG.', '*.example.org', 'xn--bcher-kva.example'])('host %s holds', (host) => {
    expect(rule(`host: "${host}"`)).toEqual([])
  })
  test.for([
    ...[
      '*',
      '*.org',
      '*.*.example.org',
      'a.*.org',
      '*example.org',
      'localhost',
      'db',
      '10.0.0.1',
      '1.1.1.1',
      '0x7f.1',
      '[::1]',
    ],
    ...[
      'https://a.example.org',
      'a.example.org:443',
      'a.example.org/x',
      'u@a.example.org',
      'bücher.example',
      '',
      'a..b',
      'metadata.google.internal',
    ],
  ])('host %j is refused', (host) => {
    expect(rule(`host: ${JSON.stringify(host)}`)).toEqual([
      expect.stringMatching(/egress\[0\]\.host: Write a full host name/),
    ])
  })
  test.for([...['*.co.uk', '*.Co.UK.', '*.com.au', '*.kawasaki.jp', '*.xn--55qx5d.cn', '*.gov.uk']])(
    '%s is a public suffix, and stays refused whatever is accepted',
    (host) => {
      const refused = [expect.stringMatching(/^4 egress\[0\]\.host: .* anybody can register .*Name the hosts/)]
      expect(rule(`host: "${host}"`)).toEqual(refused)
      expect(rule(`host: "${host}", unsafeSharedHost: true`)).toEqual(refused)
    },
  )
  test.for([
    ...['*.github.io', '*.GitHub.io', '*.vercel.app', '*.netlify.app', '*.blogspot.com', '*.cloudfront.net'],
    ...['*.s3.amazonaws.com', '*.s3.us-east-1.amazonaws.com', '*.compute.amazonaws.com', '*.googleapis.com'],
    ...['*.digitaloceanspaces.com', '*.run.app', '*.a.run.app', '*.blob.core.windows.net'],
    // Not suffixes themselves; suffixes are below them.
    ...['*.amazonaws.com', '*.us-west-2.amazonaws.com', '*.amazonaws.com.cn', '*.on.aws', '*.windows.net'],
    ...['*.core.windows.net', '*.fastly.net', '*.cdn77.org', '*.scw.cloud'],
  ])('%s is shared by strangers: refused, unless the rule says so', (host) => {
    expect(rule(`host: "${host}"`)).toEqual([
      expect.stringMatching(/^4 egress\[0\]\.host: .*share.*Name the hosts.*`unsafeSharedHost: true`/),
    ])
    expect(rule(`host: "${host}", unsafeSharedHost: true`)).toEqual([])
  })
  test.for([
    ...['*.example.co.uk', '*.mine.github.io', '*.bucket.s3.amazonaws.com', '*.app.vercel.app', '*.internal.corp'],
    ...['mine.github.io', 'bucket.s3.amazonaws.com', 'sts.amazonaws.com', '*.notamazonaws.com', '*.notgithub.io'],
    ...['*.account.blob.core.windows.net', '*.www.ck'],
  ])('%s is one owner’s: it holds, and there is no danger to accept', (host) => {
    expect(rule(`host: "${host}"`)).toEqual([])
    expect(rule(`host: "${host}", unsafeSharedHost: true`)).toEqual([
      expect.stringMatching(/egress\[0\]\.unsafeSharedHost: .*Take this out/),
    ])
  })
  test('a bundle accepts no more than a policy', () => {
    const parsed = parseBundle('{ bundle: pages, description: d, egress: [{ host: "*.github.io", protocol: http }] }')
    if (!parsed.ok) throw new Error('bundle')
    const policy = parsePolicy(written({ egress: 'egress: [{ use: pages }]' }))
    if (!policy.ok) throw new Error('policy')
    const compiled = compilePolicy(policy.value, { ...around, bundles: new Map([['pages', parsed.value]]) }, 1)
    expect(compiled.ok ? [] : compiled.problems.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^In the bundle pages, host: .*unsafeSharedHost/),
    ])
  })
  test.for(['10.0.0.0/8', '10.1.2.3/32', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fd12:3456::/32'])(
    'network %s can be permitted',
    (network) => {
      expect(rule(`host: a.example.org, addresses: ["${network}"]`)).toEqual([])
    },
  )
  test.for([
    ...[
      '127.0.0.0/8',
      '169.254.0.0/16',
      '169.254.169.254/32',
      '0.0.0.0/0',
      '10.0.0.0/7',
      '172.16.0.0/11',
      '224.0.0.0/4',
      '8.8.8.8/32',
    ],
    ...['::1/128', 'fe80::/10', '::/0', '::ffff:127.0.0.1/128', 'fd00:ec2::254/128', '10.0.0.1', 'ten', '10.0.0.0/33'],
  ])('network %s is refused', (network) => {
    expect(rule(`host: a.example.org, addresses: ["${network}"]`)).toHaveLength(1)
  })
})

describe('in force', () => {
  const inForce = (yaml: string, version = 1, host: Surroundings['host'] = around.host) => {
    const parsed = parsePolicy(yaml)
    const compiled = parsed.ok ? compilePolicy(parsed.value, { ...around, host }, version) : parsed
    if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems))
    return compiled
  }
  test('defaults are filled in, sizes are bytes, hosts canonical, bundles open', () => {
    const egress =
      'egress: [{ host: API.Example.org., unsafeOpaque: true, expires: 2026-12-31 }, { use: npm-read }, { use: debian-read }]'
    const { policy, notes } = inForce(written({ egress }), 4)
    const none = { methods: null, paths: null, addresses: [], expires: null }
    expect(policy).toEqual({
      name: 'standard',
      version: 4,
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      description: '',
      tools: { allow: ['git', 'node', 'opencode'], workspaceExec: true },
      sandbox: {
        runtime: 'runc',
        cpus: 1,
        memoryBytes: 2_147_483_648,
        diskBytes: 4_294_967_296,
        pids: 256,
        perPerson: 3,
      },
      egress: [
        { ...none, id: 'standard/0', host: 'api.example.org', ports: [443], protocol: 'tls', expires: '2026-12-31' },
        {
          ...none,
          id: 'npm-read/0',
          host: 'packages.example.org',
          ports: [8443],
          protocol: 'tls',
          addresses: ['10.1.2.3/32'],
        },
        {
          ...none,
          id: 'debian-read/0',
          host: 'mirror.example.org',
          ports: [80],
          protocol: 'http',
          methods: ['GET', 'HEAD'],
        },
      ],
      models: {
        default: { cloud: 'assigned', local: 'assigned' },
        labels: { public: 'cloud', internal: 'cloud', confidential: 'local', restricted: 'none' },
      },
    })
    expect(notes.join('\n')).toMatch(/not to be left out.*node[\s\S]*API.Example.org.*not seen/)
  })
  test('the hash is of the meaning: not of order, comments or the version', () => {
    const { policy } = inForce(written())
    const turned = Object.values(LINES).reverse().join('\n# a comment\n')
    expect(inForce(turned, 9).policy.hash).toBe(policy.hash)
    expect(inForce(written({ sandbox: 'sandbox: { cpus: 2 }' })).policy.hash).not.toBe(policy.hash)
  })
  test('what was published before unsafeUnlimited existed reads as it did, and publishing it again changes nothing', () => {
    const { policy } = inForce(written())
    expect(policy.sandbox).not.toHaveProperty('unsafeUnlimited')
    expect(policyInForce.parse(policy)).toEqual(policy)
    const sandbox = 'sandbox: { unsafeUnlimited: true }'
    const accepted = inForce(written({ sandbox }), 1, {
      runtimes: ['runc'],
      unlimited: { runc: ['pids'] },
      escapes: {},
    }).policy
    expect(policyInForce.parse(accepted).sandbox.unsafeUnlimited).toBe(true)
    expect(accepted.hash).not.toBe(policy.hash)
  })
  test.for([
    ['sandbox', 'sandbox: {}', []],
    ['sandbox', 'sandbox: { unsafeUnlimited: true }', ['sandbox.unsafeUnlimited']],
    ['egress', 'egress: [{ use: debian-read }]', []],
    ['egress', 'egress: [{ use: npm-read }]', ['egress.unsafeOpaque: npm-read/0']],
    [
      'egress',
      'egress: [{ host: a.example.org, unsafeOpaque: true }, { use: npm-read }]',
      ['egress.unsafeOpaque: standard/0, npm-read/0'],
    ],
    [
      'egress',
      'egress: [{ host: "*.github.io", protocol: http, unsafeSharedHost: true }, { use: npm-read }]',
      ['egress.unsafeOpaque: npm-read/0', 'egress.unsafeSharedHost: standard/0'],
    ],
  ] as const)('%s: %s is unsafe in %j', ([field, line, expected]) => {
    const { policy } = inForce(written({ [field]: line }), 1, null)
    expect(unsafeFields(policy)).toEqual(expected)
  })
  test('what was published before unsafeSharedHost existed keeps its hash', () => {
    const { policy } = inForce(written({ egress: 'egress: [{ host: "*.example.org", protocol: http }]' }))
    expect(policy.egress[0]).not.toHaveProperty('unsafeSharedHost')
    const egress = 'egress: [{ host: "*.github.io", protocol: http, unsafeSharedHost: true }]'
    expect(policyInForce.parse(inForce(written({ egress })).policy).egress[0]?.unsafeSharedHost).toBe(true)
  })
  test('a long list of unsafe rules is cut short, and says so', () => {
    const rules = Array.from({ length: 25 }, (_, index) => `{ host: h${index}.example.org, unsafeOpaque: true }`)
    const [line] = unsafeFields(inForce(written({ egress: `egress: [${rules.join(', ')}]` })).policy)
    expect(line).toMatch(/standard\/0, .*standard\/9 and 15 more$/)
  })
  test.for([
    ['1MiB', 1_048_576],
    ['512MiB', 536_870_912],
    ['2GiB', 2_147_483_648],
  ] as const)('%s is %i bytes', ([size, bytes]) => {
    expect(bytesOf(size)).toBe(bytes)
  })
})

test('the JSON Schema for editors is the one of this version (`npx vitest run --project unit -u` writes it)', async () => {
  const schema = { title: 'A Backlot policy', ...z.toJSONSchema(policyDocument, { io: 'input' }) }
  await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot('../../../policies/policy.schema.json')
})

describe('a policy that means harm', () => {
  const usual = 'policy: x\ntools: { allow: [] }\nsandbox: {}\negress: []\nmodels: { default: {} }\n'
  const keys = (count: number) => Array.from({ length: count }, (_, index) => `k${index}: 1`).join('\n')

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('the key %s is no field', (key) => {
    const parsed = parsePolicy(`${usual}${key}: {}\n`)
    expect(parsed.ok ? [] : parsed.problems).toEqual([
      { path: key, line: 6, message: expect.stringMatching(/^There is no such field\./) },
    ])
  })

  test.each([
    ['many unknown keys', `${usual}${keys(20_000)}`],
    ['one long key', `${usual}? ${'k'.repeat(250_000)}\n: 1\n`],
    ['the same key again and again', `${usual}${'k: 1\n'.repeat(40_000)}`],
    ['many aliases', `${usual}z: [${'*a,'.repeat(80_000)}]`],
    ['many rules', `${usual.replace('[]\nmodels', '[__]\nmodels')}`.replace('__', '{hst: a},'.repeat(20_000))],
    ['deep lists', `a: ${'['.repeat(100_000)}`],
  ])('%s: told soon, and no more than a person reads', (_what, text) => {
    const startedAt = performance.now()
    const parsed = parsePolicy(text)
    expect(performance.now() - startedAt).toBeLessThan(5_000)
    expect(parsed.ok ? 0 : parsed.problems.length).toBeGreaterThan(0)
    expect(parsed.ok ? [] : parsed.problems.slice(51)).toEqual([])
    expect(JSON.stringify(parsed.ok ? [] : parsed.problems).length).toBeLessThan(65_536)
  })
})
