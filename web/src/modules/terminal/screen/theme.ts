import type { ITheme } from '@xterm/xterm'

/** The terminal is a dark stage in both schemes. */
export const theme: ITheme = {
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
