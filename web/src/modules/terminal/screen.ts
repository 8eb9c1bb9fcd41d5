import { FitAddon } from '@xterm/addon-fit'
import { WebLinksAddon } from '@xterm/addon-web-links'
import { type ITheme, Terminal } from '@xterm/xterm'
import { watchFullScreen } from './full-screen.ts'
import { isBrowsers } from './keys.ts'
import { plainTitle, webTarget } from './printed.ts'
import { muteReplies } from './replies.ts'
import { withStyleSheets } from './style-sheets.ts'

const theme: ITheme = {
  background: '#121316',
  foreground: '#d9d8d3',
  cursor: '#f2a516',
  cursorAccent: '#121316',
  selectionBackground: '#5b4312',
  black: '#2b2d33',
  red: '#f0806f',
  green: '#7fc29b',
  yellow: '#f2c066',
  blue: '#8bb4e8',
  magenta: '#c79be0',
  cyan: '#7cc7c9',
  white: '#d9d8d3',
  brightBlack: '#7f818a',
  brightRed: '#ff9d8d',
  brightGreen: '#98dab3',
  brightYellow: '#ffd485',
  brightBlue: '#a8c9f5',
  brightMagenta: '#dcb6f2',
  brightCyan: '#98dfe0',
  brightWhite: '#ffffff',
  scrollbarSliderBackground: '#ffffff22',
  scrollbarSliderHoverBackground: '#ffffff3d',
  scrollbarSliderActiveBackground: '#ffffff55',
}

interface Handlers {
  onInput: (text: string) => void
  onSize: (size: { cols: number; rows: number }) => void
  onTitle: (title: string) => void
  /** Somebody pressed a link: ask, showing where it really goes. */
  onLink: (target: string) => void
  /** A program shows something on the whole screen, or gave it back. */
  onFullScreen: (on: boolean) => void
  /** The keys that give the keyboard back to the page. */
  onLeave: () => void
}

const within = (value: number, least: number, most: number) => Math.min(Math.max(value, least), most)

/** The visible terminal: xterm.js in `element`, sized to it. Output before `replayUntil` is shown without answering questions in it. */
export const createScreen = (element: HTMLElement, replayUntil: number, handlers: Handlers) => {
  let replaying = false
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
  const fit = new FitAddon()
  terminal.loadAddon(fit)
  terminal.loadAddon(new WebLinksAddon(press))
  muteReplies(terminal, () => replaying)
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
  // What was copied is selected no more, so that the next Ctrl+C stops the program.
  element.addEventListener('copy', () => terminal.clearSelection())

  const size = () => ({ cols: within(terminal.cols, 2, 1000), rows: within(terminal.rows, 2, 500) })
  const refit = () => {
    if (element.clientWidth === 0) return
    fit.fit()
  }
  // Several windows may show one terminal: it has the size of the one that is used.
  terminal.onResize(() => {
    if (document.hasFocus()) handlers.onSize(size())
  })
  terminal.textarea?.addEventListener('focus', () => handlers.onSize(size()))
  const observer = new ResizeObserver(() => window.requestAnimationFrame(refit))
  observer.observe(element)
  void document.fonts.load('14px "JetBrains Mono Variable"').then(() => {
    // xterm.js measured before the font came.
    terminal.options.fontFamily = '"JetBrains Mono Variable", monospace'
    refit()
  })
  refit()

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
    size,
    focus: () => terminal.focus(),
    setReadAloud: (on: boolean) => {
      terminal.options.screenReaderMode = on
    },
    setInput: (on: boolean) => {
      terminal.options.disableStdin = !on
    },
    applicationCursor: () => terminal.modes.applicationCursorKeysMode,
    paste: (text: string) => terminal.paste(text),
    close: () => {
      observer.disconnect()
      terminal.dispose()
    },
  }
}
export type Screen = ReturnType<typeof createScreen>
