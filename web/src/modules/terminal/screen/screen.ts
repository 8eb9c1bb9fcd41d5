import { FitAddon } from '@xterm/addon-fit'
import { WebLinksAddon } from '@xterm/addon-web-links'
import { Terminal } from '@xterm/xterm'
import { watchFullScreen } from './full-screen.ts'
import { isBrowsers } from './keys.ts'
import { plainTitle, webTarget } from './printed.ts'
import { muteReplies } from './replies.ts'
import { withStyleSheets } from './style-sheets.ts'
import { theme } from './theme.ts'

interface Handlers {
  onInput: (text: string) => void
  onSize: (size: Size) => void
  onTitle: (title: string) => void
  /** Somebody pressed a link: ask, showing where it really goes. */
  onLink: (target: string) => void
  /** A program shows something on the whole screen, or gave it back. */
  onFullScreen: (on: boolean) => void
  /** The keys that give the keyboard back to the page. */
  onLeave: () => void
}

const within = (value: number, least: number, most: number) => Math.min(Math.max(value, least), most)

/** A terminal in `element` that tells the handlers what happens in it; whatever it prints is only shown. */
const openTerminal = (element: HTMLElement, handlers: Handlers) => {
  const press = (_event: MouseEvent, text: string) => {
    const target = webTarget(text)
    if (target) handlers.onLink(target)
  }
  const terminal = new Terminal({
    fontFamily: '"JetBrains Mono Variable", ui-monospace, monospace',
    fontSize: element.clientWidth < 560 ? 12 : 13.5,
    lineHeight: 1.25,
    cursorBlink: !window.matchMedia('(prefers-reduced-motion: reduce)').matches,
    scrollback: 10_000,
    theme,
    linkHandler: { activate: press, allowNonHttpProtocols: false },
  })
  terminal.loadAddon(new WebLinksAddon(press))
  terminal.onData(handlers.onInput)
  terminal.onBinary(handlers.onInput)
  terminal.onTitleChange((title) => handlers.onTitle(plainTitle(title)))
  terminal.attachCustomKeyEventHandler((event) => {
    if (event.type === 'keydown' && isBrowsers(event, terminal.hasSelection())) return false
    if (event.type !== 'keydown' || !event.ctrlKey || !event.shiftKey || event.code !== 'KeyL') return true
    event.preventDefault()
    handlers.onLeave()
    return false
  })
  watchFullScreen(terminal, handlers.onFullScreen)
  withStyleSheets(() => terminal.open(element))
  // What was copied is no longer selected, so that the next Ctrl+C stops the program.
  element.addEventListener('copy', () => terminal.clearSelection())
  return terminal
}

/** Keeps the terminal as large as its element. The returned function ends that. */
const keepFitted = (terminal: Terminal, element: HTMLElement, onSize: (size: Size) => void): (() => void) => {
  const fit = new FitAddon()
  terminal.loadAddon(fit)
  const refit = () => {
    if (element.clientWidth > 0) fit.fit()
  }
  // Several windows may show one terminal: it has the size of the one that is used.
  terminal.onResize(() => {
    if (document.hasFocus()) onSize(sizeOf(terminal))
  })
  terminal.textarea?.addEventListener('focus', () => onSize(sizeOf(terminal)))
  const observer = new ResizeObserver(() => window.requestAnimationFrame(refit))
  observer.observe(element)
  void document.fonts.load('14px "JetBrains Mono Variable"').then(() => {
    // xterm.js measured before the font came.
    terminal.options.fontFamily = '"JetBrains Mono Variable", monospace'
    refit()
  })
  refit()
  return () => observer.disconnect()
}

interface Size {
  cols: number
  rows: number
}
const sizeOf = ({ cols, rows }: Terminal): Size => ({ cols: within(cols, 2, 1000), rows: within(rows, 2, 500) })

/** The visible terminal: xterm.js in `element`, sized to it. Output before `replayUntil` is shown without answering questions in it. */
export const createScreen = (element: HTMLElement, replayUntil: number, handlers: Handlers) => {
  let replaying = false
  const terminal = openTerminal(element, handlers)
  muteReplies(terminal, () => replaying)
  const unfit = keepFitted(terminal, element, handlers.onSize)
  return {
    write: (bytes: Uint8Array, from: number, shown: () => void) => {
      const old = Math.min(Math.max(replayUntil - from, 0), bytes.byteLength)
      if (old > 0) {
        terminal.write('', () => {
          replaying = true
        })
        terminal.write(bytes.subarray(0, old), () => {
          replaying = false
        })
      }
      terminal.write(bytes.subarray(old), shown)
    },
    reset: () => terminal.reset(),
    size: () => sizeOf(terminal),
    focus: () => terminal.focus(),
    setReadAloud: (on: boolean) => {
      terminal.options.screenReaderMode = on
    },
    setInput: (on: boolean) => {
      terminal.options.disableStdin = !on
    },
    applicationCursor: () => terminal.modes.applicationCursorKeysMode,
    close: () => {
      unfit()
      terminal.dispose()
    },
  }
}
export type Screen = ReturnType<typeof createScreen>
