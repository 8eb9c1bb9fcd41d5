import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Where } from './place.ts'

/** `backlot bench`: test/bench on its own, so that nothing of it is loaded by the product. */
export async function bench({ root }: Where): Promise<boolean> {
  const child = spawn(process.execPath, [join(root, 'test', 'bench', 'bench.ts')], { cwd: root, stdio: 'inherit' })
  const [code] = await once(child, 'exit')
  return code === 0
}
