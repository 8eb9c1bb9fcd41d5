/** Building against an engine that only remembers what it was asked: order, names, progress, sharing. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ImageProgress } from '../../../api/contract/programs/runner.ts'
import { createImages, type ImagesOptions } from '../../../api/runner/images/build.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'images-'))
  await put('base/Dockerfile', 'ARG BASE\nFROM $BASE\nRUN one \\\n && two\n# RUN no\n')
  await put('base/tool.yaml', 'id: base\nprovides: [git, node]\n')
  await put('porter/main.ts', 'porter')
  await put('tools/agent/Dockerfile', 'ARG BASE\nFROM $BASE\n')
  await put('tools/other/Dockerfile', 'ARG BASE\nFROM $BASE\n')
})
afterEach(() => rm(folder, { recursive: true, force: true }))

async function put(path: string, content: string): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true })
  await writeFile(join(folder, path), content)
}

function rig(change: Partial<ImagesOptions> = {}, build: (tag: string) => Promise<void> = async () => {}) {
  const tags = new Set(['backlot/debian:trixie-slim'])
  const built: { tag: string; from: string | undefined; context: string }[] = []
  const engine: ImagesOptions['engine'] = {
    hasImage: async (tag) => tags.has(tag),
    tagImage: async (_, to) => void tags.add(to),
    pullImage: async () => {},
    importImage: async () => {},
    async buildImage(context, { tag, buildArgs }, onLine) {
      built.push({ tag, from: buildArgs.BASE, context: await text(context) })
      onLine('Step 2/3 : RUN one')
      await build(tag)
      tags.add(tag)
    },
  }
  const images = createImages({
    engine,
    folder,
    extraCa: null,
    buildArguments: async () => ({}),
    requireRoom: async () => {},
    ...change,
  })
  return { images, built, tags }
}

describe('the name of an image', () => {
  test('does not depend on order or repetition of tools, nor on what the base brings anyway', async () => {
    const { images } = rig()
    const name = await images.nameOf(['agent', 'other'])
    expect(name).toMatch(/^backlot\/sandbox:[a-f0-9]{16}$/)
    expect(await images.nameOf(['other', 'git', 'agent', 'agent', 'node'])).toBe(name)
    expect(await images.nameOf(['agent'])).not.toBe(name)
  })

  test.each(['base/Dockerfile', 'porter/main.ts', 'porter/new.ts', 'tools/agent/Dockerfile'])(
    'changes with %s',
    async (path) => {
      const before = await rig().images.nameOf(['agent'])
      await put(path, 'ARG BASE\nFROM $BASE\nRUN changed\n')
      expect(await rig().images.nameOf(['agent'])).not.toBe(before)
    },
  )

  test('changes with the extra authority', async () => {
    await put('../ca.pem', 'PEM')
    const extraCa = join(folder, '..', 'ca.pem')
    expect(await rig({ extraCa }).images.nameOf([])).not.toBe(await rig().images.nameOf([]))
  })

  test('does not change with a tool that is not in it', async () => {
    const before = await rig().images.nameOf(['agent'])
    await put('tools/other/Dockerfile', 'FROM other\n')
    expect(await rig().images.nameOf(['agent'])).toBe(before)
  })
})

describe('building', () => {
  test('builds base and tools on top of each other, and the last is the image', async () => {
    const { images, built, tags } = rig()
    const image = await images.ensure(['agent', 'other'], () => {})
    expect(built.map(({ from }) => from)).toEqual(['backlot/debian:trixie-slim', built[0]?.tag, built[1]?.tag])
    expect(tags.has(image)).toBe(true)
    expect(built[2]?.context).toContain('tools/other/Dockerfile')
    expect(built[2]?.context).not.toContain('tools/agent/Dockerfile')
    expect(built[2]?.context).toContain('extra-ca.crt')
  })

  test('is not begun where the disk has no room, and what is built is used all the same (A43)', async () => {
    const full = async () => {
      throw new Error('no room')
    }
    const { images, built, tags } = rig({ requireRoom: full })
    await expect(images.ensure(['agent'], () => {})).rejects.toThrow('no room')
    expect(built).toEqual([])
    tags.add(await images.nameOf(['agent']))
    await images.ensure(['agent'], () => {})
  })

  test('is done at once when the image is there, and shares the base between tool sets', async () => {
    const { images, built } = rig()
    await images.ensure(['agent'], () => {})
    await images.ensure(['agent'], () => {})
    expect(built.length).toBe(2)
    await images.ensure(['other'], () => {})
    expect(built.length).toBe(3)
  })

  test('counts steps over all stages and never backwards', async () => {
    const seen: ImageProgress[] = []
    await rig().images.ensure(['agent', 'other'], (progress) => seen.push(progress))
    const steps = seen.flatMap((one) => (one.type === 'step' ? [`${one.step}/${one.steps}`] : []))
    expect(steps).toEqual(['1/8', '3/8', '6/8', '8/8'])
  })

  test('is shared by those who ask at the same time; who comes late hears where it is', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const { images, built } = rig({}, () => promise)
    const begun = Promise.withResolvers<void>()
    const first = images.ensure([], (one) => one.type === 'step' && one.step > 1 && begun.resolve())
    await begun.promise
    const heard = Promise.withResolvers<ImageProgress>()
    const second = images.ensure([], heard.resolve)
    expect(await heard.promise).toMatchObject({ type: 'step' })
    resolve()
    expect(await first).toBe(await second)
    expect(built.length).toBe(1)
  })

  test('fails for everybody who waits, and can be tried again', async () => {
    let broken = true
    const { images } = rig({}, async () => {
      if (broken) throw new Error('no mirror')
    })
    const both = await Promise.allSettled([images.ensure([], () => {}), images.ensure([], () => {})])
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    broken = false
    await expect(images.ensure([], () => {})).resolves.toMatch(/^backlot/)
  })

  test('refuses a tool that does not exist, and names those that do', async () => {
    await expect(rig().images.ensure(['rootkit'], () => {})).rejects.toMatchObject({
      code: 'policy_invalid',
      message: 'tools.allow: there is no tool called rootkit. Tools: agent, git, node, other.',
    })
  })
})
