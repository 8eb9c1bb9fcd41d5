/** sandbox-images/tools/<id>/tool.yaml: what a policy's `tools.allow` names. The Dockerfile beside it installs it. */
import { z } from 'zod'
import { slug } from '../../contract/ids.ts'
import { type Parsed, parseAs } from './parse.ts'

const tool = z.strictObject({
  id: slug,
  version: z.string(),
  /** SPDX. */
  licence: z.string(),
  executables: z.array(z.string().startsWith('/')).min(1),
  install: z.strictObject({ npm: z.string() }),
  /** How it is started as an agent that speaks ACP on stdin and stdout; null: it is no agent. */
  acp: z.array(z.string()).min(1).nullable(),
  /** Hosts that it needs and that a policy must allow besides. */
  hosts: z.array(z.string()),
  /** The Dockerfile's ENV. */
  environment: z.record(z.string().regex(/^[A-Z][A-Z0-9_]*$/), z.string()),
})
export type Tool = z.infer<typeof tool>

/** sandbox-images/base/tool.yaml: what every sandbox has. */
const baseTool = z.strictObject({ id: z.literal('base'), provides: z.array(slug) })

export const parseTool = (yaml: string): Parsed<Tool> => parseAs(tool, yaml)
export const parseBaseTool = (yaml: string): Parsed<z.infer<typeof baseTool>> => parseAs(baseTool, yaml)
