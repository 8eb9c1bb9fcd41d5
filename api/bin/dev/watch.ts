import { watch } from 'node:fs'
import { join } from 'node:path'

/** An editor writes a file in several steps, and "save all" several files. */
const QUIET_MS = 60
const FOLDERS = ['api', 'policies']

/**
 * Tells which files changed, as paths from the root, once it has been quiet for a moment.
 *
 * @param signal ends it.
 */
export function watchSources(root: string, signal: AbortSignal, onChange: (files: string[]) => void): void {
  const changed = new Set<string>()
  const state: { timer: NodeJS.Timeout | null } = { timer: null }
  const tell = () => {
    const files = [...changed].toSorted()
    changed.clear()
    onChange(files)
  }
  for (const folder of FOLDERS) {
    watch(join(root, folder), { recursive: true, signal }, (_event, file) => {
      if (file === null) return
      changed.add(join(folder, file))
      if (state.timer !== null) clearTimeout(state.timer)
      state.timer = setTimeout(tell, QUIET_MS)
    })
  }
  signal.addEventListener('abort', () => {
    if (state.timer !== null) clearTimeout(state.timer)
  })
}
