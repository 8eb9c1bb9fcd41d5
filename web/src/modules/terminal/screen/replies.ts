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
