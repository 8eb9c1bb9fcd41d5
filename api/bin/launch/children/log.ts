import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs'

/**
 * What a program prints, in at most two files: at `maxBytes` the file becomes `<path>.1`, in the place of the one before it.
 * A sandbox can make the gateway print (a porter that comes and goes), so the files must be bounded while the program runs.
 * What cannot be written is left out: a full disk must not end the launcher, which keeps the others running.
 */
export function openLog(path: string, maxBytes: number) {
  const open = () => {
    const file = openSync(path, 'a', 0o600)
    return { file, bytes: fstatSync(file).size }
  }
  const state = open()

  function turn() {
    const full = state.file
    renameSync(path, `${path}.1`)
    Object.assign(state, open())
    closeSync(full)
  }

  return {
    write(chunk: Uint8Array): void {
      try {
        if (state.bytes > 0 && state.bytes + chunk.length > maxBytes) turn()
        state.bytes += writeSync(state.file, chunk)
      } catch {}
    },
    close: () => closeSync(state.file),
  }
}
