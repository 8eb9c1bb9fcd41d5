import type { Terminal } from '@xterm/xterm'

/**
 * While old output is shown again, questions in it (device attributes, cursor position, colours, settings) are not
 * answered: the program that asked is long gone and the answer would be typed into whatever runs now.
 */
export const muteReplies = (terminal: Terminal, isReplay: () => boolean): void => {
  const questions = [
    { final: 'c' },
    { prefix: '>', final: 'c' },
    { prefix: '=', final: 'c' },
    { final: 'n' },
    { prefix: '?', final: 'n' },
    { final: 't' },
    { prefix: '>', final: 'q' },
    { intermediates: '$', final: 'p' },
    { prefix: '?', intermediates: '$', final: 'p' },
    { prefix: '?', final: 'u' },
  ]
  for (const question of questions) terminal.parser.registerCsiHandler(question, () => isReplay())
  for (const colours of [4, 10, 11, 12]) {
    terminal.parser.registerOscHandler(colours, (text) => isReplay() && text.includes('?'))
  }
  for (const prefix of [
    { intermediates: '$', final: 'q' },
    { intermediates: '+', final: 'q' },
  ]) {
    terminal.parser.registerDcsHandler(prefix, () => isReplay())
  }
  // OSC 52 would read or write the clipboard. No program in a workspace may.
  terminal.parser.registerOscHandler(52, () => true)
}

const LONGEST_TITLE = 80

/** A title set by a program: one line of visible characters. Bidirectional overrides and controls are dropped. */
export const plainTitle = (title: string): string =>
  title
    .slice(0, LONGEST_TITLE * 4)
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu, '')
    .slice(0, LONGEST_TITLE)
    .trim()

/** The address that a printed link really leads to; null when it is not one for the web. */
export const webTarget = (text: string): string | null => {
  const address = URL.parse(text)
  return address && /^https?:$/.test(address.protocol) && address.username === '' ? address.href : null
}
