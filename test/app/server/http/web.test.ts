/** The built pages on the wire: which of a file's three forms goes to whom, and for how long it may be kept. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import rateLimit from '@fastify/rate-limit'
import fastify from 'fastify'
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { answerErrors } from '../../../../api/server/http/errors.ts'
import type { App } from '../../../../api/server/http/route.ts'
import { sendSecurityHeaders, serveWeb } from '../../../../api/server/http/web.ts'
import { precompress } from '../../../../web/build/precompress.ts'

let folder: string
let dist: string
let app: App
let port: number
/** Names of the built files. */
const built = { script: '', font: '' }

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'backlot-web-'))
  dist = join(folder, 'dist')
  const script = Array.from({ length: 400 }, (_, line) => `console.log('line ${line} of a script')`).join('\n')
  await writeFile(join(folder, 'main.js'), `import font from './a.woff2'\n${script}\nconsole.log(font)`)
  // Repeats itself, so that only its name says that it must be left alone.
  await writeFile(join(folder, 'a.woff2'), 'woff'.repeat(4_000))
  await writeFile(
    join(folder, 'index.html'),
    `<!doctype html><title>A page</title><p>${'text '.repeat(400)}</p><script type="module" src="/main.js"></script>`,
  )
  await build({
    root: folder,
    configFile: false,
    logLevel: 'silent',
    plugins: [precompress()],
    build: { outDir: dist, assetsInlineLimit: 0 },
  })
  await writeFile(join(dist, 'tiny.txt'), 'a')
  await writeFile(join(dist, '.inputs'), 'what npm start keeps')
  const names = await readdir(join(dist, 'assets'))
  built.script = `assets/${names.find((name) => name.endsWith('.js'))}`
  built.font = `assets/${names.find((name) => name.endsWith('.woff2'))}`

  app = fastify()
    .setValidatorCompiler(validatorCompiler)
    .setSerializerCompiler(serializerCompiler)
    .withTypeProvider<ZodTypeProvider>()
  await sendSecurityHeaders(app, { secure: false })
  await app.register(rateLimit, { global: false })
  answerErrors(app)
  await serveWeb(app, dist)
  port = Number(new URL(await app.listen({ host: '127.0.0.1', port: 0 })).port)
})
afterAll(async () => {
  await app.close()
  await rm(folder, { recursive: true, force: true })
})

/** fetch would decompress, and send an Accept-Encoding of its own. */
function ask(path: string, headers: Record<string, string> = {}, method = 'GET') {
  return new Promise<{ status: number; headers: IncomingHttpHeaders; body: Buffer }>((resolve, reject) => {
    const asked = httpRequest({ host: '127.0.0.1', port, path, method, headers }, (response) => {
      const pieces: Buffer[] = []
      response.on('data', (piece) => pieces.push(piece))
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(pieces) }),
      )
    })
    asked.on('error', reject)
    asked.end()
  })
}
const accepting = (encodings: string) => ({ 'accept-encoding': encodings })
const plain = (body: Buffer) => body
const unpack = { br: brotliDecompressSync, gzip: gunzipSync, identity: plain }

describe('who gets which form of a script', () => {
  test.each([
    ['a browser', 'gzip, deflate, br, zstd', 'br'],
    ['brotli alone', 'br', 'br'],
    ['gzip alone', 'gzip', 'gzip'],
    ['brotli refused', 'gzip, br;q=0', 'gzip'],
    ['both refused', 'br;q=0, gzip;q=0', 'identity'],
    ['identity asked for', 'identity', 'identity'],
    ['one that we do not make', 'zstd', 'identity'],
    ['nonsense', ';;q=,,', 'identity'],
    ['nothing said', undefined, 'identity'],
  ] as const)('%s: %s', async (_who, encodings, form) => {
    const answer = await ask(`/${built.script}`, encodings === undefined ? {} : accepting(encodings))
    expect(answer.status).toBe(200)
    expect(answer.headers['content-encoding'] ?? 'identity').toBe(form)
    expect(answer.headers.vary).toBe('accept-encoding')
    expect(answer.headers['content-type']).toBe('application/javascript; charset=utf-8')
    expect(answer.headers['cache-control']).toBe('public, max-age=31536000, immutable')
    expect(answer.headers['x-content-type-options']).toBe('nosniff')
    const whole = await readFile(join(dist, built.script))
    expect(unpack[form](answer.body).equals(whole)).toBe(true)
    if (form !== 'identity') expect(answer.body.length).toBeLessThan(whole.length / 4)
    expect(answer.headers['content-length']).toBe(String(answer.body.length))
  })

  test('the length and the type are the same without the body', async () => {
    for (const encodings of ['br', 'gzip', 'identity']) {
      const [whole, head] = await Promise.all([
        ask(`/${built.script}`, accepting(encodings)),
        ask(`/${built.script}`, accepting(encodings), 'HEAD'),
      ])
      expect(head.body.length).toBe(0)
      for (const name of ['content-length', 'content-encoding', 'content-type', 'vary', 'etag'] as const)
        expect(head.headers[name]).toBe(whole.headers[name])
    }
  })

  test('each form has a tag of its own, and is not sent again to who has it', async () => {
    const forms = await Promise.all(['br', 'gzip', 'identity'].map((form) => ask(`/${built.script}`, accepting(form))))
    const tags = forms.map(({ headers }) => String(headers.etag))
    expect(new Set(tags).size).toBe(3)
    const [br = '', gzip = ''] = tags
    const again = await ask(`/${built.script}`, { ...accepting('br'), 'if-none-match': br })
    expect(again.status).toBe(304)
    expect(again.headers.vary).toBe('accept-encoding')
    expect(again.body.length).toBe(0)
    expect((await ask(`/${built.script}`, { ...accepting('br'), 'if-none-match': gzip })).status).toBe(200)
  })

  test.each(['bytes=10-29', 'bytes=9999999-', 'bytes=0-0,2-3', 'nonsense'])(
    'nobody resumes a script: with the range %s all of it is sent',
    async (range) => {
      const whole = await ask(`/${built.script}`, accepting('br'))
      const answer = await ask(`/${built.script}`, { ...accepting('br'), range })
      expect([answer.status, answer.headers['content-range']]).toEqual([200, undefined])
      expect(answer.body.equals(whole.body)).toBe(true)
    },
  )
})

describe('pages', () => {
  test.each(['/', '/index.html', '/prototypes/pr_1', '/nothing/here'])(
    '%s is index.html, compressed, and asked for anew each time',
    async (path) => {
      const answer = await ask(path, accepting('gzip, br'))
      expect(answer.headers['content-encoding']).toBe('br')
      expect(answer.headers['content-type']).toBe('text/html; charset=utf-8')
      expect(answer.headers['cache-control']).toBe('no-cache')
      expect(answer.headers['content-security-policy']).toContain("script-src 'self';")
      expect(brotliDecompressSync(answer.body).toString()).toContain('<title>A page</title>')
    },
  )
})

describe('what stays as it is', () => {
  test('a font is compressed already', async () => {
    const answer = await ask(`/${built.font}`, accepting('gzip, br'))
    expect(answer.headers['content-encoding']).toBeUndefined()
    expect(answer.headers['content-type']).toBe('font/woff2')
    expect(answer.body.length).toBe(16_000)
  })

  test('a small file has one form, which everybody gets', async () => {
    const answer = await ask('/tiny.txt', accepting('gzip, br'))
    expect([answer.headers['content-encoding'], answer.body.toString()]).toEqual([undefined, 'a'])
  })
})

describe('what is not in the build', () => {
  test.each([
    ['a script of an older build', '/assets/index-00000000.js'],
    ['a compressed twin by its own name', () => `/${built.script}.br`],
    ['the same, as gzip', () => `/${built.script}.gz`],
    ['a folder', '/assets/'],
    ['a way out', '/assets/..%2f..%2findex.html'],
    ['an unknown part of the API', '/api/nope'],
  ])('%s: 404, uncompressed, and not kept', async (_what, path) => {
    const answer = await ask(typeof path === 'string' ? path : path(), accepting('gzip, br'))
    expect(answer.status).toBe(404)
    expect(answer.headers['content-encoding']).toBeUndefined()
    expect(answer.headers['cache-control'] ?? '').not.toContain('immutable')
    expect(answer.body.toString()).toContain('not_found')
  })

  test('a dot file, or a twin of index.html, is a page like any other name', async () => {
    for (const path of ['/.inputs', '/index.html.br', '/index.html.gz']) {
      const answer = await ask(path)
      expect([answer.headers['content-type'], answer.headers['content-encoding']]).toEqual([
        'text/html; charset=utf-8',
        undefined,
      ])
      expect(answer.body.toString()).toContain('<title>A page</title>')
    }
  })
})
