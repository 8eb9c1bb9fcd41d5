/** What programs in a terminal print for people outside it: titles and links. Nothing of it is believed. */
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
