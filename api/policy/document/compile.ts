import ipaddr from 'ipaddr.js'
import type { z } from 'zod'
import type { egressRule, PolicyDocument, PolicyInForce, PolicyProblem, RuleInForce } from '../../contract/policy.ts'
import { classifyAddress } from '../address.ts'
import { canonicalHost } from '../host.ts'
import { type HostLimits, pointlessUnlimited, unheldLimits, unpatchedRuntime } from '../limits.ts'
import type { Bundle } from './bundles.ts'
import { hashOf } from './hash.ts'
import { written } from './parse.ts'
import { strangersBelow } from './public-suffix.ts'
import type { Registries } from './registries.ts'
import { bytesOf } from './size.ts'

/** What a policy is compiled against: everything that is not in its own text. */
export interface Surroundings {
  bundles: ReadonlyMap<string, Bundle>
  registries: Registries
  /** Tools that a sandbox can have. Those of the base image are in every sandbox. */
  tools: { base: readonly string[]; optional: readonly string[] }
  /** What this host can run and limit; null while nobody has asked it. The runner asks again for each sandbox. */
  host: HostLimits | null
}

type Rule = z.infer<typeof egressRule>
interface Report {
  wrong(path: PropertyKey[], message: string): void
  note(text: string): void
}
type LineOf = (path: readonly PropertyKey[]) => number | null
export type Compiled = { ok: true; policy: PolicyInForce; notes: string[] } | { ok: false; problems: PolicyProblem[] }

/**
 * A document → the policy as the gateway uses it: bundles opened, registries' hosts filled in, hosts canonical, sizes in bytes.
 * Everything that could not be enforced as written is a problem, never a smaller promise.
 */
export function compilePolicy(
  document: PolicyDocument,
  around: Surroundings,
  version: number,
  lineOf: LineOf = () => null,
): Compiled {
  const problems: PolicyProblem[] = []
  const notes: string[] = []
  const report: Report = {
    wrong: (path, message) => void problems.push({ path: written(path), line: lineOf(path), message }),
    note: (text) => void notes.push(text),
  }
  const tools = compileTools(document.tools, around, report)
  const sandbox = compileSandbox(document.sandbox, around, report)
  const egress = compileEgress(document, around, report)
  if (problems.length > 0) return { ok: false, problems }

  const { labels } = document.models
  const body = {
    description: document.description,
    tools,
    sandbox,
    egress,
    models: {
      default: document.models.default,
      labels: {
        public: labels.public ?? 'cloud',
        internal: labels.internal ?? 'cloud',
        confidential: labels.confidential ?? 'local',
        restricted: labels.restricted ?? 'none',
      },
    },
    ...(document.events ? { events: document.events } : {}),
  } as const
  return { ok: true, policy: { name: document.policy, version, hash: hashOf(body), ...body }, notes }
}

function compileTools({ allow, workspaceExec }: PolicyDocument['tools'], around: Surroundings, report: Report) {
  const { base, optional } = around.tools
  const known = [...base, ...optional]
  for (const [index, tool] of allow.entries())
    if (!known.includes(tool))
      report.wrong(
        ['tools', 'allow', index],
        `There is no tool "${tool}" here. Known: ${known.join(', ')}. A new one is a folder in sandbox-images/tools.`,
      )
  const always = base.filter((tool) => !allow.includes(tool))
  if (always.length > 0) report.note(`In every sandbox, and not to be left out in this version: ${always.join(', ')}.`)
  return { allow: [...new Set([...base, ...allow])].sort(), workspaceExec }
}

function compileSandbox(sandbox: PolicyDocument['sandbox'], around: Surroundings, report: Report) {
  for (const { field, message } of runtimeProblems(sandbox, around.host)) report.wrong(['sandbox', field], message)
  const { runtime, cpus, memory, disk, pids, perPerson, unsafeUnlimited, requirePatchedRuntime } = sandbox
  if (unsafeUnlimited)
    report.note('unsafeUnlimited: a sandbox may use up the memory, processors or processes of the machine.')
  const sizes = { memoryBytes: bytesOf(memory), diskBytes: bytesOf(disk) }
  const said = {
    ...(unsafeUnlimited ? { unsafeUnlimited } : {}),
    ...(requirePatchedRuntime ? { requirePatchedRuntime } : {}),
  }
  return { runtime, cpus, ...sizes, pids, perPerson, ...said }
}

function compileEgress(document: PolicyDocument, around: Surroundings, report: Report): RuleInForce[] {
  return document.egress.flatMap((entry, index): RuleInForce[] => {
    const path = ['egress', index]
    if ('use' in entry) return openBundle(entry.use, around, (message) => report.wrong([...path, 'use'], message))
    const found = ruleProblems(entry)
    for (const { field, message } of found) report.wrong([...path, ...keysOf(field)], message)
    if (entry.protocol === 'tls')
      report.note(`${entry.host}: what goes through this tunnel is not seen, so it can read and write.`)
    return found.length === 0 ? [ruleOf(`${document.policy}/${index}`, entry)] : []
  })
}

/** `addresses.0` → `['addresses', 0]`. */
const keysOf = (field: string) =>
  field === '' ? [] : field.split('.').map((key) => (/^\d+$/.test(key) ? Number(key) : key))

function runtimeProblems(sandbox: PolicyDocument['sandbox'], host: HostLimits | null) {
  if (!host) return []
  const { runtime } = sandbox
  if (!host.runtimes.includes(runtime)) {
    const message = `The runtime ${runtime} is not installed on this host. \`backlot doctor\` says how to get it.`
    return [{ field: 'runtime', message }]
  }
  const unpatched = unpatchedRuntime(sandbox, host)
  if (unpatched) return [{ field: 'requirePatchedRuntime', message: unpatched }]
  const unheld = unheldLimits(sandbox, host)
  if (unheld) return [{ field: 'runtime', message: unheld }]
  const pointless = pointlessUnlimited(sandbox, host)
  return pointless ? [{ field: 'unsafeUnlimited', message: pointless }] : []
}

function openBundle(
  name: string,
  { bundles, registries }: Surroundings,
  wrong: (message: string) => void,
): RuleInForce[] {
  const bundle = bundles.get(name)
  if (!bundle) {
    wrong(`There is no bundle "${name}". Known: ${[...bundles.keys()].sort().join(', ')}.`)
    return []
  }
  const rules: RuleInForce[] = []
  for (const entry of bundle.egress) {
    const id = () => `${name}/${rules.length}`
    if (!('registry' in entry)) {
      for (const { field, message } of ruleProblems(entry))
        wrong(`In the bundle ${name}, ${field || 'a rule'}: ${message}`)
      rules.push(ruleOf(id(), entry))
      continue
    }
    const registry = registries[entry.registry]
    if (!registry?.ok)
      wrong(`${name} cannot be used on this machine: ${registry?.message ?? 'its registry was not looked up.'}`)
    else
      for (const { protocol, host, port, addresses } of registry.endpoints) {
        const readOnly = protocol === 'http' ? ['GET', 'HEAD'] : null
        rules.push({
          id: id(),
          host,
          ports: [port],
          protocol,
          methods: readOnly,
          paths: null,
          addresses,
          expires: null,
        })
      }
  }
  return rules
}

const ruleOf = (id: string, rule: Rule): RuleInForce => ({
  id,
  host: canonicalPattern(rule.host) ?? rule.host,
  ports: rule.ports ?? [rule.protocol === 'tls' ? 443 : 80],
  protocol: rule.protocol,
  methods: rule.methods ?? null,
  paths: rule.paths ?? null,
  addresses: rule.addresses ?? [],
  expires: rule.expires ?? null,
  ...(rule.unsafeSharedHost ? { unsafeSharedHost: rule.unsafeSharedHost } : {}),
})

function canonicalPattern(pattern: string): string | null {
  const wild = pattern.startsWith('*.')
  const host = canonicalHost(wild ? pattern.slice(2) : pattern)
  return host.ok ? (wild ? `*.${host.host}` : host.host) : null
}

function ruleProblems(rule: Rule): { field: string; message: string }[] {
  const found: { field: string; message: string }[] = []
  const pattern = canonicalPattern(rule.host)
  if (pattern === null)
    found.push({
      field: 'host',
      message:
        'Write a full host name such as api.example.org, or *.example.org for every name below it. Addresses, single words and names of cloud metadata services are not accepted.',
    })
  else found.push(...wildcardProblems(rule, pattern))
  if (rule.protocol === 'tls') {
    for (const field of ['methods', 'paths'] as const)
      if (rule[field])
        found.push({
          field,
          message: `Inside a tls tunnel ${field} cannot be seen, so this is not enforced by this version. Take it out, or use protocol: http.`,
        })
    if (!rule.unsafeOpaque)
      found.push({
        field: '',
        message:
          'Looking into TLS is not enforced by this version: what goes through is not seen, reads and writes alike. If that is acceptable for this host, say so with `unsafeOpaque: true`.',
      })
  } else if (rule.unsafeOpaque)
    found.push({ field: 'unsafeOpaque', message: 'Plain http is always seen. Take this out.' })
  for (const [index, cidr] of (rule.addresses ?? []).entries()) {
    const message = networkProblem(cidr)
    if (message) found.push({ field: `addresses.${index}`, message })
  }
  return found
}

/** A wildcard covers one owner's names. Where strangers share a host it says so; where anybody registers names it is refused. */
function wildcardProblems(rule: Rule, pattern: string): { field: string; message: string }[] {
  const strangers = strangersBelow(pattern)
  if (strangers === 'anybody') {
    const message = `Below ${pattern.slice(2)} anybody can register a name, so this allows nearly everything. Name the hosts, or the domain of one owner such as *.example.${pattern.slice(2)}.`
    return [{ field: 'host', message }]
  }
  if (strangers === 'shared' && !rule.unsafeSharedHost) {
    const message = `Below ${pattern.slice(2)} strangers share hosting: anybody can get a name there and read what is sent to it. Name the hosts that are meant; if all of them are acceptable, say so with \`unsafeSharedHost: true\`.`
    return [{ field: 'host', message }]
  }
  if (strangers === null && rule.unsafeSharedHost) {
    const message =
      'No wildcard over a host that strangers share is known here, so there is nothing to accept. Take this out.'
    return [{ field: 'unsafeSharedHost', message }]
  }
  return []
}

/** A network that is permitted must be of one kind from its first to its last address, and of a kind that may be permitted at all. */
function networkProblem(cidr: string): string | null {
  if (!ipaddr.isValidCIDR(cidr)) return 'Write a network such as 10.20.0.0/16.'
  const family = cidr.includes(':') ? ipaddr.IPv6 : ipaddr.IPv4
  const ends = [family.networkAddressFromCIDR(cidr).toString(), lastAddress(cidr)]
  const classes = ends.map((ip) => classifyAddress(ip, { own: new Set(), permitted: [cidr] }))
  const [first, last] = classes
  if (first?.class === 'public' && last?.class === 'public') return 'This network is public: no entry is needed for it.'
  if (first?.class !== last?.class || !classes.every(({ ok }) => ok))
    return 'Only private networks can be permitted, one kind at a time: 10/8, 172.16/12, 192.168/16, 100.64/10, fc00::/7. Never this machine, link-local or multicast.'
  return null
}

function lastAddress(cidr: string): string {
  const [network, bits] = ipaddr.parseCIDR(cidr)
  const bytes = network.toByteArray().map((byte, index) => byte | (0xff >> Math.min(8, Math.max(0, bits - index * 8))))
  return ipaddr.fromByteArray(bytes).toString()
}
