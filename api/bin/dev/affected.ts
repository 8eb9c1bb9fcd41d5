const ALL = ['runner', 'gateway', 'server'] as const
export type ProgramName = (typeof ALL)[number] | 'pages'

/** From the first that matches. Wings hold one program each; what they all stand on restarts all three. */
const RULES: readonly (readonly [RegExp, readonly ProgramName[] | 'by-hand'])[] = [
  [/(^|\/)([.]|.*~$)/, []],
  // Vite takes the headers of its pages from the server.
  [/^api\/server\/http\/web[.]ts$/, ['server', 'pages']],
  [/^api\/server\//, ['server']],
  [/^api\/gateway\//, ['gateway']],
  [/^api\/runner\//, ['runner']],
  [/^api\/bin\/dev\/(pages|headers)[.]ts$/, ['pages']],
  [/^api\/bin\/(dev|launch|prepare)\/|^api\/bin\/(start|options)[.]mjs$/, 'by-hand'],
  [/^api\/bin\//, []],
  [/^api\/.*[.](ts|json|sql)$/, ALL],
  // Read when the server starts.
  [/^policies\/.*[.]ya?ml$/, ['server']],
]

/** Which programs must be started again for these files (from the repository's root), and whether that is not enough. */
export function affectedBy(files: readonly string[]): { restart: ProgramName[]; byHand: boolean } {
  const found = files.map((file) => RULES.find(([pattern]) => pattern.test(file))?.[1] ?? [])
  const wanted = new Set(found.flatMap((programs) => (programs === 'by-hand' ? [] : programs)))
  const order: readonly ProgramName[] = [...ALL, 'pages']
  return { restart: order.filter((name) => wanted.has(name)), byHand: found.includes('by-hand') }
}
