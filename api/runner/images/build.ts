/**
 * The image of a tool set: base, then one layer for each tool, each built from `ARG BASE` with sandbox-images as its context,
 * named by the hash of everything that went in. Requests for the same image share one build.
 */
import type { ImageProgress } from '../../contract/programs/runner.ts'
import type { Engine } from '../docker.ts'
import { debian, ensureDebian } from './base.ts'
import { contextOf } from './inputs.ts'
import { countInstructions, imageName, planStages, type Stage } from './plan.ts'

/** The part of the engine that building needs. */
export type Builder = Pick<Engine, 'hasImage' | 'tagImage' | 'pullImage' | 'importImage' | 'buildImage'>

export type ImagesOptions = {
  engine: Builder
  /** The folder sandbox-images. */
  folder: string
  /** PEM file, or null. */
  extraCa: string | null
  /** Package registry and proxies of the host, as build arguments: asked when something is really built. */
  buildArguments: () => Promise<Record<string, string>>
  /** Rejects when the disk has no room for so much: images may be on the same one as the database. */
  requireRoom: (bytes: number) => Promise<void>
}

/** The largest of the layers is less. */
const LAYER_BYTES = 1_073_741_824

type Report = (progress: ImageProgress) => void
type Build = { done: Promise<void>; watchers: Set<Report>; latest: ImageProgress | null }

export type Images = ReturnType<typeof createImages>

/**
 * Builds what is not there, each image once however many ask for it.
 *
 * Longer than 60 lines because whoever comes late joins the build that is under way.
 */
export function createImages({ engine, folder, extraCa, buildArguments, requireRoom }: ImagesOptions) {
  const builds = new Map<string, Build>()
  const plan = (tools: readonly string[]) => planStages({ folder, extraCa }, tools)

  async function build(stages: readonly Stage[], image: string, report: Report): Promise<void> {
    const counts = stages.map(countInstructions)
    const steps = 1 + counts.reduce((sum, count) => sum + count, 0)
    const log = (text: string) => report({ type: 'log', text })
    report({ type: 'step', step: 1, steps, text: 'Preparing Debian' })
    await requireRoom(LAYER_BYTES)
    await ensureDebian(engine, log)
    const buildArgs = await buildArguments()
    let from: string = debian
    let before = 1
    for (const [index, { tag, dockerfile, inputs, title }] of stages.entries()) {
      const offset = before
      const onLine = (text: string) => {
        const seen = /^Step (\d+)\/\d+ : (.*)/.exec(text)
        if (seen === null) return log(text)
        const step = Math.min(steps, offset + Number(seen[1]))
        report({ type: 'step', step, steps, text: `Building ${title}: ${seen[2]}` })
      }
      if (!(await engine.hasImage(tag))) {
        await requireRoom(LAYER_BYTES)
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
    started.done = build(stages, image, report).finally(() => builds.delete(image))
    builds.set(image, started)
    return started
  }

  return {
    /** The name that the image of `tools` has, built or not. */
    async nameOf(tools: readonly string[]): Promise<string> {
      return imageName(await plan(tools))
    },
    /** Resolves to the image's name when it is there; reports progress on the way. Throws with the last lines of the build. */
    async ensure(tools: readonly string[], report: Report): Promise<string> {
      const stages = await plan(tools)
      const image = imageName(stages)
      if (!builds.has(image) && (await engine.hasImage(image))) return image
      const running = builds.get(image) ?? begin(stages, image)
      if (running.latest !== null) report(running.latest)
      running.watchers.add(report)
      await running.done.finally(() => running.watchers.delete(report))
      return image
    },
  }
}
