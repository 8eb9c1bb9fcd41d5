import { type IPty, spawn } from '@lydell/node-pty'

/** A command behind a pseudo-terminal: what a person types `docker run -it …` into. */
export function startInPty(file: string, argv: string[]) {
  const pty: IPty = spawn(file, argv, { cols: 80, rows: 24, name: 'xterm-256color' })
  let text = ''
  const listeners = new Set<() => void>()
  const taps = new Set<(chunk: string) => void>()
  pty.onData((chunk) => {
    for (const tap of taps) tap(chunk)
    text = (text + chunk).slice(-65_536)
    for (const listener of listeners) listener()
  })
  return {
    send: (keys: string) => pty.write(keys),
    onData: (tap: (chunk: string) => void) => taps.add(tap),
    until: (pattern: RegExp, timeoutMs = 30_000) =>
      new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`never saw ${pattern} in: ${text.slice(-500)}`)), timeoutMs)
        const look = () => {
          if (!pattern.test(text)) return
          clearTimeout(timer)
          listeners.delete(look)
          resolve()
        }
        listeners.add(look)
        look()
      }),
    close: () => pty.kill(),
  }
}
