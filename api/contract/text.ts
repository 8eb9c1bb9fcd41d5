/** What people write and others read: in a database, in a log, on a screen. */
import { z } from 'zod'

const CANNOT_BE_SHOWN = 'Leave out characters that cannot be shown.'

/**
 * One line. No control characters (a terminal would obey them, PostgreSQL refuses NUL), halves of surrogate pairs, line and
 * paragraph separators, or characters that turn the reading direction (CVE-2021-42574). Joiners stay: emoji need them.
 */
export const oneLine = z
  .string()
  .trim()
  .regex(/^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]*$/u, CANNOT_BE_SHOWN)
/** Several lines: tabs and line ends are text as well. */
export const paragraphs = z
  .string()
  .trim()
  .regex(/^(?:[\t\n\r]|[^\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069])*$/u, CANNOT_BE_SHOWN)
/** Given to a program as it is: an argument or a path holds anything but NUL (execve(2)). */
export const programText = z.string().regex(/^[^\0]*$/, 'Leave out NUL characters: no program can be given one.')
