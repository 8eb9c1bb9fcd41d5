const onMac = /Mac|iPhone|iPad/.test(navigator.userAgent)

/**
 * Keys that are left to the browser: Ctrl+C copies while something is selected (else it stops the program), Ctrl+V
 * pastes. A Mac has Cmd for both, and there Ctrl is the program's.
 */
export const isBrowsers = (event: KeyboardEvent, hasSelection: boolean): boolean => {
  if (onMac || !event.ctrlKey || event.shiftKey || event.altKey || event.metaKey) return false
  return event.code === 'KeyV' || (event.code === 'KeyC' && hasSelection)
}
