/** Policy as written (YAML → policyDocument) and as enforced (policyInForce). A field that this version cannot enforce is not in the schema, so it is refused by name. */
import { z } from 'zod'
import { slug } from './ids.ts'
import { runtime } from './programs/runner.ts'
import { dataLabel } from './prototypes.ts'

/** `2GiB`, `512MiB`. */
export const size = z.string().regex(/^[1-9][0-9]{0,5}(MiB|GiB)$/)
/** A canonical host, or `*.` and one: `*.example.org` covers every name below, not `example.org` itself. */
export const hostPattern = z.string().max(255)
export const protocol = z.enum(['tls', 'http'])

export const egressRule = z.strictObject({
  host: hostPattern,
  /** Default: 443 for `tls`, 80 for `http`. */
  ports: z.array(z.int().min(1).max(65_535)).min(1).max(20).optional(),
  protocol: protocol.default('tls'),
  /** Only for `http`, until tunnels are inspected. */
  methods: z
    .array(z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']))
    .min(1)
    .optional(),
  paths: z.array(z.string().startsWith('/').max(500)).min(1).optional(),
  /** A `tls` rule must say it: what goes through the tunnel is not seen. */
  unsafeOpaque: z.literal(true).optional(),
  /** A wildcard over a host that strangers share (`*.github.io`) must say it: anybody can put a page there, and read what is sent to it. */
  unsafeSharedHost: z.literal(true).optional(),
  /** Networks (CIDR) that are not public and that this host may nevertheless resolve to, such as a company's own registry. Never loopback, link-local or this machine. */
  addresses: z.array(z.string()).max(20).optional(),
  /** The first day, in UTC, on which the rule no longer holds. */
  expires: z.iso.date().optional(),
})
export const bundleUse = z.strictObject({ use: slug })

/**
 * Events that one sandbox may cause: so many at once, and so many more each second. Refusals past it are counted, and what
 * is allowed waits for its turn or is refused. The floor leaves room for the proof.
 */
export const eventRate = z.strictObject({
  burst: z.int().min(200).max(1_000_000).default(10_000),
  perSecond: z.int().min(5).max(2_000).default(30),
})
/** Where a policy says nothing. */
export const usualEvents = eventRate.parse({})

const modelTarget = z.union([
  z.literal('assigned'),
  z.literal('none'),
  z.string().regex(/^[a-z0-9-]{1,40}\/\S{1,200}$/),
])
export const policyDocument = z.strictObject({
  policy: slug,
  description: z.string().max(500).default(''),
  tools: z.strictObject({ allow: z.array(slug).max(50), workspaceExec: z.boolean().default(true) }),
  sandbox: z.strictObject({
    runtime: runtime.default('runc'),
    cpus: z.number().min(0.1).max(64).default(1),
    memory: size.default('2GiB'),
    disk: size.default('4GiB'),
    pids: z.int().min(32).max(32_768).default(256),
    perPerson: z.int().min(1).max(1000).default(3),
    /** Where this host cannot hold memory, cpus or pids (policy/limits.ts): accepts that they do not hold. */
    unsafeUnlimited: z.boolean().default(false),
    /** No sandbox where this host's runtime has known escapes from its containers (`backlot doctor`). */
    requirePatchedRuntime: z.boolean().default(false),
  }),
  egress: z.array(z.union([bundleUse, egressRule])).max(500),
  models: z.strictObject({
    default: z.strictObject({ cloud: modelTarget.default('assigned'), local: modelTarget.default('assigned') }),
    /** Which of the two a label may use. Missing labels: `cloud` for public and internal, `local` for confidential, `none` for restricted. */
    labels: z.partialRecord(dataLabel, z.enum(['cloud', 'local', 'none'])).default({}),
  }),
  events: eventRate.optional(),
})
export type PolicyDocument = z.infer<typeof policyDocument>

/** One egress rule as the gateway uses it: bundles opened, defaults filled in, hosts canonical. */
export const ruleInForce = z.strictObject({
  /** `<bundle or policy>/<index>`, as the audit log names it. */
  id: z.string(),
  host: z.string(),
  ports: z.array(z.int()),
  protocol,
  methods: z.array(z.string()).nullable(),
  paths: z.array(z.string()).nullable(),
  addresses: z.array(z.string()),
  expires: z.string().nullable(),
  /** Absent, never false: what was published before this field keeps its hash. */
  unsafeSharedHost: z.literal(true).optional(),
})
export type RuleInForce = z.infer<typeof ruleInForce>

export const policyInForce = z.strictObject({
  name: slug,
  version: z.int().min(1),
  /** SHA-256 of the canonical JSON of everything below, hex. */
  hash: z.string(),
  description: z.string(),
  tools: z.strictObject({ allow: z.array(slug), workspaceExec: z.boolean() }),
  sandbox: z.strictObject({
    runtime,
    cpus: z.number(),
    memoryBytes: z.int(),
    diskBytes: z.int(),
    pids: z.int(),
    perPerson: z.int(),
    /** Absent, never false: what was published before this field keeps its hash. */
    unsafeUnlimited: z.literal(true).optional(),
    requirePatchedRuntime: z.literal(true).optional(),
  }),
  egress: z.array(ruleInForce),
  models: z.strictObject({
    default: z.strictObject({ cloud: z.string(), local: z.string() }),
    labels: z.record(dataLabel, z.enum(['cloud', 'local', 'none'])),
  }),
  /** Absent where the policy does not say it: what was published before this field keeps its hash. */
  events: eventRate.optional(),
})
export type PolicyInForce = z.infer<typeof policyInForce>

/** POST /api/v1/policies/check and …/:name/publish. */
export const policySource = z.strictObject({ yaml: z.string().min(1).max(262_144) })
/** One thing that is wrong with a policy: where, and what to do. `path` as in `egress[2].host`; empty: the whole file. */
export const policyProblem = z.strictObject({ path: z.string(), line: z.int().nullable(), message: z.string() })
export type PolicyProblem = z.infer<typeof policyProblem>
/** `notes`: allowed, and worth knowing before publishing. `policy`: as it would be in force, with the version that it would get. */
export const policyCheck = z.strictObject({
  ok: z.boolean(),
  problems: z.array(policyProblem),
  notes: z.array(z.string()),
  policy: policyInForce.nullable(),
})
export const policyVersion = z.strictObject({
  version: z.int(),
  hash: z.string(),
  origin: z.enum(['file', 'api']),
  createdAt: z.iso.datetime(),
  /** Name of the person who published it; null: it came from a file. */
  by: z.string().nullable(),
})
export const policyList = z.strictObject({
  items: z.array(policyVersion.omit({ by: true }).extend({ name: slug, description: z.string() })),
})
/** GET /api/v1/policies/:name: what is in force, the YAML that it was made from, and its versions, newest first. */
export const policyView = z.strictObject({
  policy: policyInForce,
  source: z.string(),
  history: z.array(policyVersion),
})
/** `changed` is false when what is in force already says the same: no new version is made. */
export const policyPublished = z.strictObject({
  name: slug,
  version: z.int(),
  hash: z.string(),
  changed: z.boolean(),
  /** How many running sandboxes are stopped and rebuilt now, because their container had more than this version allows, and how many get what it adds at their next start. */
  sandboxes: z.strictObject({ rebuilt: z.int(), waiting: z.int() }),
})
export type PolicyPublished = z.infer<typeof policyPublished>
