/** The day on which all of this happens. */
export const WHEN = '2026-03-02T09:30:00.000Z'

export const LONG =
  'If a refund takes one tap instead of a phone call, then fewer people will call us, and those who call will be less angry, which we measure by how long they stay on the line '.repeat(
    3,
  )
/** Right to left, with a number and a Latin word in it. */
export const BIDI = 'תשלום מהיר 2.0 (beta) للعملاء الجدد'

/** An identifier's 16 characters, the same for the same name. */
export const id = (name: string): string =>
  [...name.toLowerCase().replace(/[^a-z]/g, ''), ...'aaaaaaaaaaaaaaaa'].slice(0, 16).join('')
