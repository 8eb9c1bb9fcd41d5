import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { Plugin } from 'vite'

/** What is text. Fonts (woff2) are compressed already. */
const TEXT = /[.](js|css|html|svg|json|txt)$/
/** Below one packet nothing is won. */
const LEAST_BYTES = 1_024

const ways = [
  ['.br', (text: Buffer) => promisify(brotliCompress)(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } })],
  ['.gz', (text: Buffer) => promisify(gzip)(text, { level: 9 })],
] as const

/** Writes `<file>.br` and `<file>.gz` beside each text file of the build; api/server/http/web.ts serves them. */
export function precompress(): Plugin {
  return {
    name: 'precompress',
    apply: 'build',
    // writeBundle and not generateBundle: the files of public/ are in the folder by then.
    async writeBundle({ dir }) {
      if (dir === undefined) throw new Error('The build has no folder to write to.')
      const files = await readdir(dir, { recursive: true })
      await Promise.all(files.filter((file) => TEXT.test(file)).map((file) => compress(join(dir, file))))
    },
  }
}

async function compress(file: string): Promise<void> {
  const text = await readFile(file)
  if (text.length < LEAST_BYTES) return
  for (const [ending, pack] of ways) {
    const packed = await pack(text)
    if (packed.length < text.length) await writeFile(`${file}${ending}`, packed)
  }
}
