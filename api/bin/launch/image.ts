import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { createRunnerClient } from '../../sandbox/runner-client.ts'

const toolsOf = z.object({ tools: z.object({ allow: z.array(z.string()) }) })

/**
 * Builds the image of the policy that new prototypes get, so that the first one opens fast. Nothing to do when it is there.
 *
 * @param policies the folder with default.yaml
 */
export async function prepareImage(runnerSocket: string, policies: string, note: (text: string) => void) {
  const { tools } = toolsOf.parse(parse(readFileSync(join(policies, 'default.yaml'), 'utf8')))
  const runner = createRunnerClient(runnerSocket)
  try {
    await runner.ensureImage(tools.allow, (progress) => {
      if (progress.type === 'step') note(`${progress.step}/${progress.steps} ${progress.text}`)
    })
  } finally {
    await runner.close()
  }
}
