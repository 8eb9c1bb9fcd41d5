/**
 * The image of a tool set: base, then one layer for each tool, each built from `ARG BASE` with sandbox-images as its context,
 * named by the hash of everything that went in. Requests for the same image share one build.
 */
import type { ImageProgress } from '../../contract/runner.ts'
import { ApiError } from '../../errors.ts'
import type { Engine } from '../docker.ts'
import { debian, ensureDebian } from './base.ts'
import { baseInputs, baseProvides, contextOf, hashOf, type Input, toolInputs } from './inputs.ts'

/** What of the engine building needs. */
export type Builder = Pick<Engine, 'hasImage' | 'tagImage' | 'pullImage' | 'importImage' | 'buildImage'>

export type ImagesOptions = {
  engine: Builder
  /** The folder sandbox-images. */
  folder: string
  /** PEM file, or null. */
  extraCa: string | null
  /** Package registry and proxies of the host, as build arguments: asked when something is really built. */
  buildArguments: () => Promise<Record<string, string>>
}

type Report = (progress: ImageProgress) => void
type Stage = { tag: string; dockerfile: string; inputs: readonly Input[]; title: string }
type Build = { done: Promise<void>; watchers: Set<Report>; latest: ImageProgress | null }

export type Images = ReturnType<typeof createImages>

export function createImages({ engine, folder, extraCa, buildArguments }: ImagesOptions) {
  const under = new Map<string, Build>()

  /** What has to be built for `tools`, in order; the last one's tag is the image. Order and repetition of tools do not matter. */
  async function plan(tools: readonly string[]): Promise<Stage[]> {
    const base = await baseInputs(folder, extraCa)
    const stages: Stage[] = [stage('backlot/base', 'base/Dockerfile', base, base, 'the base image')]
    let all = base
    const provided = await baseProvides(folder)
    for (const tool of [...new Set(tools)].filter((name) => !provided.includes(name)).sort()) {
      const inputs = await toolInputs(folder, tool)
      all = [...all, ...inputs]
      stages.push(stage('backlot/layer', `tools/${tool}/Dockerfile`, [...inputs, ...base], all, tool))
    }
    return stages
  }

  async function build(stages: readonly Stage[], image: string, report: Report): Promise<void> {
    const counts = stages.map(instructions)
    const steps = 1 + counts.reduce((sum, count) => sum + count, 0)
    const log = (text: string) => report({ type: 'log', text })
    report({ type: 'step', step: 1, steps, text: 'Preparing Debian' })
    await ensureDebian(engine, log)
    const buildArgs = await buildArguments()
    let from: string = debian
    let before = 1
    for (const [index, { tag, dockerfile, inputs, title }] of stages.entries()) {
      const offset = before
      const onLine = (text: string) => {
        const seen = /^Step (\d+)\/\d+ : (.*)/.exec(text)
        if (seen === null) return log(text)
        report({
          type: 'step',
          step: Math.min(steps, offset + Number(seen[1])),
          steps,
          text: `Building ${title}: ${seen[2]}`,
        })
      }
      if (!(await engine.hasImage(tag))) {
        const options = { tag, dockerfile, buildArgs: { ...buildArgs, BASE: from }, labels: { 'backlot.inputs': tag } }
        await engine.buildImage(contextOf(inputs), options, onLine)
      }
      from = tag
      before += counts[index] ?? 0
    }
    await engine.tagImage(from, image)
  }

  function begin(stages: readonly Stage[], image: string): Build {
    const started: Build = { done: Promise.resolve(), watchers: new Set(), latest: null }
    const report: Report = (progress) => {
      if (progress.type === 'step') started.latest = progress
      for (const watcher of started.watchers) watcher(progress)
    }
    started.done = build(stages, image, report).finally(() => under.delete(image))
    under.set(image, started)
    return started
  }

  return {
    /** The name that the image of `tools` has, built or not. */
    async nameOf(tools: readonly string[]): Promise<string> {
      return imageName(await plan(tools))
    },
    /** Resolves to the image's name when it is there; reports progress on the way. Throws what the build said last. */
    async ensure(tools: readonly string[], report: Report): Promise<string> {
      const stages = await plan(tools)
      const image = imageName(stages)
      if (!under.has(image) && (await engine.hasImage(image))) return image
      const running = under.get(image) ?? begin(stages, image)
      if (running.latest !== null) report(running.latest)
      running.watchers.add(report)
      await running.done.finally(() => running.watchers.delete(report))
      return image
    },
  }
}

function stage(
  name: string,
  dockerfile: string,
  inputs: readonly Input[],
  all: readonly Input[],
  title: string,
): Stage {
  return { tag: `${name}:${hashOf(all)}`, dockerfile, inputs, title }
}

function imageName(stages: readonly Stage[]): string {
  const last = stages.at(-1)
  if (last === undefined) throw new Error('An image has at least a base.')
  return `backlot/sandbox:${last.tag.split(':')[1]}`
}

/** Instructions of a Dockerfile, which are the classic builder's steps: lines that begin with one and continue nothing. */
function instructions({ dockerfile, inputs }: Stage): number {
  const file = inputs.find(({ path }) => path === dockerfile)
  if (file === undefined) throw new ApiError('invalid_request', `sandbox-images/${dockerfile} is missing.`)
  return file.bytes
    .toString('utf8')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => /^[A-Z]+\s/.test(line)).length
}
