/** What people write and others read: in a database, in a log, on a screen, or an agent its instructions. */
import { z } from 'zod'

const CANNOT_BE_SHOWN = 'Leave out characters that cannot be shown.'

/** Letters of these join, or stack, and a joiner says how (UAX #31, section 2.3.1). */
const JOINING = [
  'Arabic Syriac Mongolian Nko Mandaic Devanagari Bengali Gurmukhi Gujarati Oriya',
  'Tamil Telugu Kannada Malayalam Sinhala Khmer Myanmar Tibetan',
]
  .join(' ')
  .split(' ')
  .map((script) => `\\p{Script_Extensions=${script}}`)
  .join('')

/**
 * Characters that a person does not see, and a program or an agent does: format characters, those that a screen leaves out
 * (Default_Ignorable_Code_Point: zero-width spaces, tags, variation selectors, fillers), and cells that are blank. But not:
 * - Arabic and Syriac signs that are format characters by class and shown all the same;
 * - one variation selector behind what may be an emoji, or behind a Mongolian letter;
 * - a joiner inside a joined emoji, or where letters of a script join.
 */
const INVISIBLE = new RegExp(
  [
    '(?=[\\p{Cf}\\p{Default_Ignorable_Code_Point}\\u2800\\u{1d159}])',
    '(?![\\u0600-\\u0605\\u06dd\\u070f\\u0890\\u0891\\u08e2\\u{110bd}\\u{110cd}])',
    '(?!(?<=\\p{Emoji})[\\ufe0e\\ufe0f])',
    '(?!(?<=\\p{Script=Mongolian})(?<![\\u180b-\\u180f])[\\u180b-\\u180d\\u180f])',
    '(?!(?<=[\\p{Extended_Pictographic}\\p{Emoji_Modifier}\\ufe0f])\\u200d\\p{Extended_Pictographic})',
    `(?!(?<=(?=[\\p{L}\\p{M}])[${JOINING}])(?:\\u200d|\\u200c(?=[${JOINING}])))`,
    '[^]',
  ].join(''),
  'u',
)
/** Where the first of them is; -1 when there is none. */
export const firstInvisible = (text: string): number => text.search(INVISIBLE)
const isVisible = (text: string) => firstInvisible(text) < 0

/**
 * One line, in Unicode's normal form C. No control characters (a terminal would obey them, PostgreSQL refuses NUL), halves
 * of surrogate pairs, line and paragraph separators, or anything invisible: what turns the reading direction
 * (CVE-2021-42574) or hides instructions for an agent.
 */
export const oneLine = z
  .string()
  .normalize('NFC')
  .trim()
  .regex(/^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]*$/u, CANNOT_BE_SHOWN)
  .refine(isVisible, CANNOT_BE_SHOWN)
/** Several lines: tabs and line ends are text as well. */
export const paragraphs = z
  .string()
  .normalize('NFC')
  .trim()
  .regex(/^(?:[\t\n\r]|[^\p{Cc}\p{Cs}])*$/u, CANNOT_BE_SHOWN)
  .refine(isVisible, CANNOT_BE_SHOWN)
/** Given to a program as it is: an argument or a path holds anything but NUL (execve(2)). */
export const programText = z.string().regex(/^[^\0]*$/, 'Leave out NUL characters: no program can be given one.')
