/**
 * What an image is made from: every file of sandbox-images/base, porter and the chosen tools, and the extra CA. Their hash
 * is the image's name, so the same inputs are built once, and a changed byte is another image.
 */
import { createHash } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import tar from 'tar-stream'
import { ApiError } from '../../errors.ts'
import { parseBaseTool } from '../../policy/document/tool.ts'

/** `path` is relative to the build context; `executable` is all that is kept of the mode. */
export type Input = { path: string; executable: boolean; bytes: Buffer }

const left = new Set(['node_modules', '.DS_Store'])

/** Inputs of the base: base/, porter/ and `extra-ca.crt`, which is always there and empty when there is no extra CA. */
export async function baseInputs(folder: string, extraCa: string | null): Promise<Input[]> {
  const bytes = extraCa === null ? Buffer.alloc(0) : await authority(extraCa)
  const files = [...(await filesBelow(folder, 'base')), ...(await filesBelow(folder, 'porter'))]
  return [...files, { path: 'extra-ca.crt', executable: false, bytes }]
}

async function authority(path: string): Promise<Buffer> {
  return readFile(path).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ApiError('invalid_request', `The extra authority (BACKLOT_EXTRA_CA) cannot be read: ${reason}`)
  })
}

/** Ids of tools that are in the base, so that they need no layer: `provides` of base/tool.yaml. */
export async function baseProvides(folder: string): Promise<readonly string[]> {
  const text = await readFile(join(folder, 'base', 'tool.yaml'), 'utf8')
  const parsed = parseBaseTool(text)
  if (parsed.ok) return parsed.value.provides
  throw new ApiError('invalid_request', `base/tool.yaml: ${parsed.problems[0]?.message}`)
}

/** Inputs of one tool. */
export async function toolInputs(folder: string, tool: string): Promise<Input[]> {
  const files = await filesBelow(folder, join('tools', tool))
  if (files.length > 0) return files
  const layers = await readdir(join(folder, 'tools')).catch(() => [])
  const tools = [...layers, ...(await baseProvides(folder))].sort().join(', ')
  throw new ApiError('policy_invalid', `tools.allow: there is no tool called ${tool}. Tools: ${tools}.`)
}

/** First 16 hex digits of SHA-256; the length of each file comes before its contents, so no two lists of files give the same bytes. */
export function hashOf(inputs: readonly Input[]): string {
  const hash = createHash('sha256')
  for (const { path, executable, bytes } of [...inputs].sort((a, b) => (a.path < b.path ? -1 : 1))) {
    hash.update(JSON.stringify([path, executable, bytes.length])).update(bytes)
  }
  return hash.digest('hex').slice(0, 16)
}

/** The build context; modification times are fixed so that the engine's layer cache works. */
export function contextOf(inputs: readonly Input[]): Readable {
  const pack = tar.pack()
  for (const { path, executable, bytes } of inputs) {
    pack.entry({ name: path, mode: executable ? 0o755 : 0o644, mtime: new Date(0) }, bytes)
  }
  pack.finalize()
  return Readable.from(pack)
}

async function filesBelow(folder: string, place: string): Promise<Input[]> {
  const entries = await readdir(join(folder, place), { withFileTypes: true }).catch(() => [])
  const found = entries
    .filter(({ name }) => !left.has(name))
    .map(async (entry): Promise<Input[]> => {
      const path = join(place, entry.name)
      if (entry.isDirectory()) return filesBelow(folder, path)
      if (!entry.isFile()) throw new ApiError('invalid_request', `${path} must be a file or a folder.`)
      const { mode } = await stat(join(folder, path))
      return [{ path, executable: (mode & 0o100) !== 0, bytes: await readFile(join(folder, path)) }]
    })
  return (await Promise.all(found)).flat()
}
