import type { Terminal } from '@xterm/xterm'

/** Tells when a program has taken the whole screen (the alternate buffer) and shows something there, and when it is over. */
export const watchFullScreen = (terminal: Terminal, onChange: (full: boolean) => void): void => {
  let full = false
  const showsText = () => {
    const { active } = terminal.buffer
    return Array.from({ length: terminal.rows }, (_, row) => active.getLine(active.viewportY + row)).some(
      (line) => line !== undefined && line.translateToString().trim() !== '',
    )
  }
  terminal.onRender(() => {
    const alternate = terminal.buffer.active.type === 'alternate'
    // A program that clears its screen for a moment is not over.
    const next = alternate && (full || showsText())
    if (next === full) return
    full = next
    onChange(full)
  })
}
