import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parsePolicy } from '../../policy/document/parse.ts'
import { createRunnerClient } from '../../server/nodes/runner.ts'

/**
 * Builds the image of the policy that new prototypes get, so that the first one opens fast. Nothing to do when it is there.
 *
 * @param policies the folder with default.yaml
 */
export async function prepareImage(runnerSocket: string, policies: string, note: (text: string) => void) {
  const parsed = parsePolicy(readFileSync(join(policies, 'default.yaml'), 'utf8'))
  // The server says what is wrong with it, and keeps what is in force.
  if (!parsed.ok) return
  const { tools } = parsed.value
  const runner = createRunnerClient(runnerSocket)
  try {
    await runner.ensureImage(tools.allow, (progress) => {
      if (progress.type === 'step') note(`${progress.step}/${progress.steps} ${progress.text}`)
    })
  } finally {
    await runner.close()
  }
}
