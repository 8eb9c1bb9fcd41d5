/** Each for one thing that Vite does; everything else stays as the server says. */
const relaxed = (nonce: string): Record<string, string> => ({
  // React's hot reload is prepared by a script inside the page.
  'script-src': `'nonce-${nonce}'`,
  // Styles come as style elements that scripts add.
  'style-src': `'nonce-${nonce}'`,
  // After a restart of Vite the page waits for it in a worker.
  'worker-src': 'blob:',
})

/** The server's content security policy, with what Vite needs on top. */
export function relaxPolicy(policy: string, nonce: string): string {
  const directives = new Map(
    policy.split(';').map((directive) => {
      const [name = '', ...sources] = directive.trim().split(' ')
      return [name, sources] as const
    }),
  )
  for (const [name, source] of Object.entries(relaxed(nonce)))
    directives.set(name, [...(directives.get(name) ?? []), source])
  return [...directives].map(([name, sources]) => [name, ...sources].join(' ')).join(';')
}

/** Of an answer of the server: those that say what a page may do. */
const KEPT = /^(content-security-policy|referrer-policy|x-[a-z-]+|cross-origin-[a-z-]+|origin-agent-cluster)$/

/** What Vite sends with each page and script: the server's security headers, relaxed by what Vite needs. */
export function headersForPages(server: Headers, nonce: string): Record<string, string> {
  const kept = [...server].filter(([name]) => KEPT.test(name))
  return Object.fromEntries(
    kept.map(([name, value]) => [name, name === 'content-security-policy' ? relaxPolicy(value, nonce) : value]),
  )
}
