import { readdirSync } from 'node:fs'
import helmet from '@fastify/helmet'
import files from '@fastify/static'
import { notFound } from '../../errors.ts'
import { type App, isApi } from './route.ts'

/** Security headers for every answer. A page runs its own scripts and talks to its own origin, and nothing else. */
export async function sendSecurityHeaders(app: App, { secure }: { secure: boolean }): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        // Mantine and xterm.js set style attributes while they run; no script can come of it.
        styleSrcAttr: ["'unsafe-inline'"],
        connectSrc: ["'self'"],
        imgSrc: ["'self'", 'data:'],
        fontSrc: ["'self'"],
        manifestSrc: ["'self'"],
        frameAncestors: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
      },
    },
    crossOriginEmbedderPolicy: { policy: 'require-corp' },
    referrerPolicy: { policy: 'no-referrer' },
    hsts: secure ? { maxAge: 31_536_000, includeSubDomains: false } : false,
    xFrameOptions: { action: 'deny' },
  })
  app.addHook('onRequest', async (request, reply) => {
    if (isApi(request)) reply.header('cache-control', 'no-store')
  })
}

/**
 * The built web: its files, and index.html for every other path, because pages are made in the browser. `/api` is left
 * alone. Files are listed once: what is not in the build cannot be asked for, whatever the path says. What the build has
 * compressed goes out as brotli or gzip to whoever accepts that.
 */
export async function serveWeb(app: App, folder: string): Promise<void> {
  await app.register(files, {
    root: folder,
    serve: false,
    cacheControl: false,
    etag: true,
    // A page's files are asked for whole.
    acceptRanges: false,
    preCompressed: true,
  })
  const built = new Set(filesOf(folder))

  app.get('/*', { config: { access: 'public' }, schema: { hide: true } }, (request, reply) => {
    const path = decodeURI(request.url.split('?')[0] ?? '/').slice(1)
    if (/^(api|healthz|readyz)(\/|$)/.test(path) || (path.startsWith('assets/') && !built.has(path))) throw notFound()
    if (!built.has(path)) return reply.header('cache-control', 'no-cache').sendFile('index.html')
    // Names in assets/ hold a hash of the content.
    const forever = path.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-cache'
    return reply.header('cache-control', forever).sendFile(path)
  })
}

/** The pages' own files: not the compressed twins, which are chosen by Accept-Encoding only, and no dot files. */
function filesOf(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !/^[.]|[.](br|gz)$/.test(entry.name))
      .map((entry) => `${entry.parentPath.slice(folder.length)}/${entry.name}`.replace(/^\/+/, ''))
  } catch {
    // Not built (the API alone): every page is then missing.
    return []
  }
}
