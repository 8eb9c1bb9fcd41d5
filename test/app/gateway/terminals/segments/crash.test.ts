/** Segments after a crash: what is read back is what was written, whatever was left on the disk. */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { copyFile, rm, truncate, writeFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { append, output, PACKED, RAW, readAll, segmentsFolder } from './world.ts'

const { at, opened, names, packed } = segmentsFolder()

describe('what a killed gateway left is put right', () => {
  const bytes = output(400_000)
  const rows: [string, () => Promise<unknown>, string][] = [
    ['in the middle of writing', () => writeFile(at(`${PACKED}.new`), 'half'), RAW],
    ['before the rename', () => copyFile(at('whole'), at(`${PACKED}.new`)), RAW],
    ['before the raw one was removed', () => copyFile(at('whole'), at(PACKED)), PACKED],
    [
      'and a power failure took the end of the raw one',
      async () => {
        await copyFile(at('whole'), at(PACKED))
        await truncate(at(RAW), 1000)
      },
      PACKED,
    ],
    ['with a damaged compressed one', () => writeFile(at(PACKED), randomBytes(5000)), RAW],
    ['with an empty compressed one', () => writeFile(at(PACKED), ''), RAW],
    [
      'with a compressed one that was cut off',
      async () => {
        await copyFile(at('whole'), at(PACKED))
        await truncate(at(PACKED), 50_000)
      },
      RAW,
    ],
  ]
  test.each(rows)('%s', async (_when, leave, kept) => {
    const { open } = opened()
    const first = await open()
    await append(first, bytes)
    await first.seal()
    await packed(1)
    await copyFile(at(PACKED), at('whole'))
    await rm(at(PACKED))
    await writeFile(at(RAW), bytes)
    await leave()
    const segments = await open()
    await rm(at('whole'))
    expect(await names()).toEqual([kept])
    expect([segments.oldest(), segments.end()]).toEqual([0, bytes.length])
    expect((await readAll(segments)).equals(bytes)).toBe(true)
  })

  test('a compressed one that is damaged and alone is a hole, and stays on the disk', async () => {
    const { open } = opened()
    const first = await open()
    await append(first, output(1_600_000))
    await packed(2)
    await first.close()
    await writeFile(at(PACKED), 'no segment')
    const segments = await open()
    expect(segments.oldest()).toBe(700_000)
    expect((await readAll(segments)).length).toBe(900_000)
    expect(await names()).toContain(PACKED)
  })
})

test('a gateway that is killed while it compresses loses nothing', async () => {
  const bytes = output(6_000_000)
  await writeFile(at(RAW), bytes)
  const compress = new URL('../../../../../api/gateway/terminals/segments/compress.ts', import.meta.url)
  const program = `
    import { compress } from ${JSON.stringify(compress.href)}
    import { existsSync } from 'node:fs'
    const [raw, packed] = ${JSON.stringify([at(RAW), at(PACKED)])}
    setInterval(() => existsSync(packed + '.new') && process.kill(process.pid, 'SIGKILL'), 1)
    await compress({ raw, packed, length: ${bytes.length} }, new AbortController().signal)
  `
  expect(() => execFileSync(process.execPath, ['--input-type=module', '-e', program])).toThrow('SIGKILL')
  const { open } = opened()
  const segments = await open()
  expect((await names()).filter((name) => name.endsWith('.new'))).toEqual([])
  expect((await readAll(segments)).equals(bytes)).toBe(true)
})
