import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalJson } from '../../../api/audit/canonical.ts'
import { cleanText, maskArguments, maskSecrets } from '../../../api/audit/text.ts'

const escaped: Array<[what: string, raw: string, written: string]> = [
  ['plain text', 'GET /a?b=c', 'GET /a?b=c'],
  ['other scripts and emoji', 'Größe 日本 👩‍👩‍👧', 'Größe 日本 👩‍👩‍👧'],
  ['a forged line', 'x\n{"seq":7,"decision":"allow"}', 'x\\n{"seq":7,"decision":"allow"}'],
  ['a carriage return over the line', 'deny\rallow', 'deny\\rallow'],
  ['ANSI colours', '\u001b[2K\u001b[32mok', '\\u{1b}[2K\\u{1b}[32mok'],
  ['C1 controls', '\u009b2J', '\\u{9b}2J'],
  ['NUL', 'a\0b', 'a\\u{0}b'],
  ['DEL', 'a\u007fb', 'a\\u{7f}b'],
  ['bidi override', 'exe\u202egnp.js', 'exe\\u{202e}gnp.js'],
  ['bidi isolate', 'a\u2066b\u2069', 'a\\u{2066}b\\u{2069}'],
  ['line separator', 'a\u2028b', 'a\\u{2028}b'],
  ['zero width space', 'pay\u200bpal', 'pay\\u{200b}pal'],
  ['byte order mark', '\ufeffa', '\\u{feff}a'],
  ['tag characters', `a${String.fromCodePoint(0xe0041)}`, 'a\\u{e0041}'],
  ['half a surrogate pair', 'a\ud800b', 'a\\u{d800}b'],
  ['what was escaped already', '\\u{202e}', '\\u{202e}'],
]
test.each(escaped)('%s is written as one harmless line', (_what, raw, written) => {
  expect(cleanText(raw, 1000)).toBe(written)
})

test('ten megabytes are cut, and say so', () => {
  const cut = cleanText('a'.repeat(10_000_000), 4096)
  expect(cut).toHaveLength(4096)
  expect(cut.endsWith('…[10000000 characters]')).toBe(true)
})

test('cleaning never exceeds the length, never leaves a control character, and changes nothing the second time', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), fc.integer({ min: 30, max: 200 }), (raw, max) => {
      const clean = cleanText(raw, max)
      expect(clean.length).toBeLessThanOrEqual(max)
      expect(clean.isWellFormed()).toBe(true)
      expect(clean).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/)
      expect(cleanText(clean, max)).toBe(clean)
    }),
  )
})

describe('secrets are masked', () => {
  const secrets: Array<[what: string, raw: string, written: string]> = [
    ['OpenAI key', 'key sk-proj-abcdefghijklmnop123', 'key [masked]'],
    ['Anthropic key', 'sk-ant-api03-aaaaaaaaaaaaaaaa', '[masked]'],
    ['GitHub token', 'https://x/?a=ghp_0123456789abcdefghij', 'https://x/?a=[masked]'],
    ['AWS key id', 'AKIAIOSFODNN7EXAMPLE', '[masked]'],
    ['JWT', 'eyJhbGciOiJI.eyJzdWIiOiIx.SflKxw', '[masked]'],
    ['bearer', 'Authorization: Bearer abcdef123456', 'Authorization: Bearer [masked]'],
    ['another scheme', 'Authorization: Token abc123 def', 'Authorization: [masked]'],
    ['a cookie', "curl -H 'Cookie: sid=abc; b=def' x", "curl -H 'Cookie: [masked]' x"],
    ['a sign-in link of ours', `open bl_${'a'.repeat(43)}`, 'open [masked]'],
    ['a session of ours', `bs_${'a'.repeat(43)}`, '[masked]'],
    ['an option and its value', 'mysql --password hunter2 -e x', 'mysql --password [masked] -e x'],
    ['user info of a URL', 'git clone https://me:hunter22@git.example/x', 'git clone https://[masked]@git.example/x'],
    ['query parameter', '/a?access_token=abc&x=1', '/a?access_token=[masked]&x=1'],
    ['argument', '--password=hunter2', '--password=[masked]'],
    ['environment', 'API_KEY=abc curl', 'API_KEY=[masked] curl'],
    ['JSON', '{"client_secret": "abc"}', '{"client_secret": "[masked]"}'],
    ['private key', '-----BEGIN RSA PRIVATE KEY-----\nabc', '[masked]'],
  ]
  test.each(secrets)('%s', (_what, raw, written) => {
    expect(maskSecrets(raw)).toBe(written)
  })
  test.each([
    '/search?q=keyboard',
    'npm install is-number',
    '/monkey/1',
    'a=b',
    'risk-free',
    'https://example.org/@scope/pkg',
    'git commit --author me --no-edit',
    'cookie jars and authorization codes',
  ])('not in %s', (text) => {
    expect(maskSecrets(text)).toBe(text)
  })
})

describe('passwords in the options of known programs', () => {
  /** As one text, and as the arguments that a shell makes of it where that is not more than splitting at spaces. */
  const rows: Array<[raw: string, written: string]> = [
    ['curl -u me:hunter2 https://x.example', 'curl -u [masked] https://x.example'],
    ['curl -ume:hunter2 https://x.example', 'curl -u[masked] https://x.example'],
    ['/usr/bin/curl -s --user me:hunter2 x', '/usr/bin/curl -s --user [masked] x'],
    ['curl -sSu me:hunter2 x', 'curl -sSu [masked] x'],
    ['curl -sSume:hunter2 x', 'curl -sSu[masked] x'],
    ['curl --user=me:hunter2 x', 'curl --user=[masked] x'],
    ['curl -U me:hunter2 -u you:hunter3 x', 'curl -U [masked] -u [masked] x'],
    ['curl --proxy-user me:hunter2 x', 'curl --proxy-user [masked] x'],
    ['curl -E cert.pem --pass hunter2 x', 'curl -E cert.pem --pass [masked] x'],
    ['curl --oauth2-bearer hunter2 x', 'curl --oauth2-bearer [masked] x'],
    ['sudo -n curl -u me:hunter2 x', 'sudo -n curl -u [masked] x'],
    ['wget --user=me --password=hunter2 x', 'wget --user=me --password=[masked] x'],
    ['wget --http-password hunter2 x', 'wget --http-password [masked] x'],
    ['mysql -uroot -phunter2 shop', 'mysql -uroot -p[masked] shop'],
    ['mysqldump -h db -phunter2 shop', 'mysqldump -h db -p[masked] shop'],
    ['mariadb -phunter2', 'mariadb -p[masked]'],
    ['sshpass -p hunter2 ssh me@db', 'sshpass -p [masked] ssh me@db'],
    ['sshpass -phunter2 ssh me@db', 'sshpass -p[masked] ssh me@db'],
    ['redis-cli -h db -a hunter2 ping', 'redis-cli -h db -a [masked] ping'],
    ['mongosh -u me -p hunter2 shop', 'mongosh -u me -p [masked] shop'],
  ]
  test.each(rows)('%s', (raw, written) => {
    expect(maskSecrets(raw)).toBe(written)
    expect(maskArguments(raw.split(' '))).toEqual(written.split(' '))
    expect(maskSecrets(written)).toBe(written)
  })
  test.each([
    [`bash -c "curl -u me:hunter2 x"`, `bash -c "curl -u [masked] x"`],
    [`curl -u 'me:hunter 2' x`, 'curl -u [masked] x'],
    [`curl -u me:"hunter 2" x`, 'curl -u [masked] x'],
    [`curl -u "me:hunter`, 'curl -u [masked]'],
    [`mysql -p'hunter 2' shop`, 'mysql -p[masked] shop'],
    ['curl x \\\n  -u me:hunter2', 'curl x \\\n  -u [masked]'],
    ['ls; curl -u me:hunter2 x | sort -u names', 'ls; curl -u [masked] x | sort -u names'],
    ['X=$(curl -u me:hunter2 x)', 'X=$(curl -u [masked] x)'],
  ])('%s', (raw, written) => {
    expect(maskSecrets(raw)).toBe(written)
  })
  test.each([
    ['sort -u names.txt'],
    ['git push -u origin main'],
    ['git branch -u origin/main'],
    ['pip install -U requests'],
    ['docker run --user 1000:1000 -p 80:80 image'],
    ['id -u me'],
    ['ssh -p 22 me.example'],
    ['mkdir -p a/b'],
    ['psql -U postgres shop'],
    ['mysql -u root -p shop'],
    ['mysql -P 3306 shop'],
    ['curl -fsSL https://x.example -o u'],
    ['wget --user=me x'],
    ['cat curl.txt -u x'],
  ])('not in %s', (text) => {
    expect(maskSecrets(text)).toBe(text)
    expect(maskArguments(text.split(' '))).toEqual(text.split(' '))
  })
  test.each(['curl -s x | sort -u names', 'curl x && git push -u origin main', 'curl x\ngit push -u origin main'])(
    'nor after the command has ended: %j',
    (text) => {
      expect(maskSecrets(text)).toBe(text)
    },
  )
})

/** What made masking quadratic, and its siblings: each is a run that a pattern follows in vain. */
const slow = [
  '-',
  'a-',
  'eyJ-',
  'token ',
  'token-',
  ' ',
  '//',
  '//a',
  'basic ',
  '-----BEGIN ',
  'sk-',
  'code=',
  '--token ',
  '--',
  'cookie:',
  'authorization ',
  '"',
  'A',
  'curl ',
  'curl -u ',
  'curl -u "',
  `curl -u '"`,
  '\\\n',
  'mysql -p',
]
test.each(slow)('masking a text of nothing but %j takes no time', (piece) => {
  // So long that squares take seconds, where a busy machine takes a tenth of one.
  const text = piece.repeat(Math.ceil(65_536 / piece.length))
  const began = performance.now()
  maskSecrets(text)
  expect(performance.now() - began).toBeLessThan(1_500)
})

describe('canonical JSON', () => {
  const same: Array<[what: string, value: unknown, json: string]> = [
    [
      'keys sorted by UTF-16 units',
      { b: 1, a: 2, '\u{1f600}': 3, '\ufb33': 4 },
      '{"a":2,"b":1,"\u{1f600}":3,"\ufb33":4}',
    ],
    ['nested', { z: [{ b: null, a: true }] }, '{"z":[{"a":true,"b":null}]}'],
    ['numbers as ECMAScript prints them', [1e21 / 1e21, 0.1, -0, 1e-7], '[1,0.1,0,1e-7]'],
    ['the largest exact integer', Number.MAX_SAFE_INTEGER, '9007199254740991'],
    ['a key named __proto__', JSON.parse('{"__proto__":{"x":1},"a":2}'), '{"__proto__":{"x":1},"a":2}'],
  ]
  test.each(same)('%s', (_what, value, json) => {
    expect(canonicalJson(value)).toBe(json)
  })
  test.each([
    ['an integer above 2^53', 2 ** 53],
    ['NaN', Number.NaN],
    ['infinity', Number.POSITIVE_INFINITY],
    ['undefined', { a: undefined }],
    ['a bigint', 1n],
    ['a function', () => 1],
  ])('%s is refused', (_what, value) => {
    expect(() => canonicalJson(value)).toThrow(TypeError)
  })
  test('the same value gives the same bytes in whatever order it was built', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.maxSafeInteger(), fc.boolean())), (value) => {
        const reversed = Object.fromEntries(Object.entries(value).reverse())
        expect(canonicalJson(reversed)).toBe(canonicalJson(value))
        expect(JSON.parse(canonicalJson(value))).toEqual(value)
      }),
    )
  })
})
