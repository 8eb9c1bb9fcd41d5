/** What has to be built for a set of tools, in order: base, then one layer for each tool. Reads sandbox-images, builds nothing. */
import { ApiError } from '../../errors.ts'
import { baseInputs, baseProvides, hashOf, type Input, toolInputs } from './inputs.ts'

export type Stage = { tag: string; dockerfile: string; inputs: readonly Input[]; title: string }

/** The last stage's tag is the image. Order and repetition of tools do not matter. */
export async function planStages(
  { folder, extraCa }: { folder: string; extraCa: string | null },
  tools: readonly string[],
): Promise<Stage[]> {
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

function stage(
  name: string,
  dockerfile: string,
  inputs: readonly Input[],
  all: readonly Input[],
  title: string,
): Stage {
  return { tag: `${name}:${hashOf(all)}`, dockerfile, inputs, title }
}

export function imageName(stages: readonly Stage[]): string {
  const last = stages.at(-1)
  if (last === undefined) throw new Error('An image has at least a base.')
  return `backlot/sandbox:${last.tag.split(':')[1]}`
}

/** Instructions of a Dockerfile, which are the classic builder's steps: lines that begin with one and continue nothing. */
export function countInstructions({ dockerfile, inputs }: Stage): number {
  const file = inputs.find(({ path }) => path === dockerfile)
  if (file === undefined) throw new ApiError('invalid_request', `sandbox-images/${dockerfile} is missing.`)
  return file.bytes
    .toString('utf8')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => /^[A-Z]+\s/.test(line)).length
}
