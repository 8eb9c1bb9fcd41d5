import { execFile } from 'node:child_process'
import { lookup } from 'node:dns/promises'
import { access, constants, readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { PolicyInForce, PolicyProblem } from '../../contract/policy.ts'
import { type Bundle, parseBundle, type RegistryName, registriesNeeded } from '../../policy/document/bundles.ts'
import { type Compiled, compilePolicy } from '../../policy/document/compile.ts'
import { parsePolicy } from '../../policy/document/parse.ts'
import {
  clientEnvironment,
  type Registries,
  type Registry,
  type RegistryDeps,
  resolveRegistry,
} from '../../policy/document/registries.ts'
import { parseBaseTool, parseTool } from '../../policy/document/tool.ts'
import type { HostLimits } from '../../policy/limits.ts'

const CLIENT_TIMEOUT_MS = 20_000

export interface LibraryDeps {
  /** `policies/`: bundles are read from its folder `bundles`. */
  folder: string
  /** `sandbox-images/`: its tools are what a policy may allow. */
  images: string
  /** What the runner's doctor found; null while nobody has asked. */
  host?: HostLimits | null
  registries?: RegistryDeps
}

/** Everything that a policy may refer to, read once: bundles, tools, and, when first needed, the package clients' registries. */
export async function openLibrary({ folder, images, host = null, registries: deps = ownClients }: LibraryDeps) {
  const [bundles, tools] = await Promise.all([readBundles(join(folder, 'bundles')), readTools(images)])
  const asked = new Map<RegistryName, Promise<Registry>>()
  const registry = (name: RegistryName) => {
    const found = asked.get(name) ?? resolveRegistry(name, deps)
    asked.set(name, found)
    // A client that was missing or too slow may answer the next time.
    void found.then(({ ok }) => ok || asked.delete(name))
    return found
  }

  async function registriesOf(names: readonly RegistryName[]): Promise<Registries> {
    return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await registry(name)] as const)))
  }

  return {
    bundles: bundles.found,
    /** What is wrong with the files of bundles and tools themselves, as `<file>: …`. */
    problems: [...bundles.problems, ...tools.problems],
    registriesOf,

    /** What package clients in a sandbox under this policy must be told, so that they go where the policy lets them. */
    async clientEnvironment({ egress }: Pick<PolicyInForce, 'egress'>): Promise<Record<string, string>> {
      const used = new Set(egress.map(({ id }) => id.split('/')[0]))
      const entries = [...bundles.found.values()].flatMap((each) => (used.has(each.bundle) ? each.egress : []))
      return clientEnvironment(
        await registriesOf(entries.flatMap((entry) => ('registry' in entry ? [entry.registry] : []))),
      )
    },

    /** Parses and compiles a policy. Problems name the field and the line. */
    async judge(yaml: string, version: number): Promise<Compiled> {
      const parsed = parsePolicy(yaml)
      if (!parsed.ok) return parsed
      const registries = await registriesOf(registriesNeeded(parsed.value, bundles.found))
      return compilePolicy(
        parsed.value,
        { bundles: bundles.found, registries, tools: tools.found, host },
        version,
        parsed.lineOf,
      )
    },
  }
}
export type Library = Awaited<ReturnType<typeof openLibrary>>

/** YAML files of a folder, by name; an absent folder is an empty one. */
export async function yamlFiles(folder: string): Promise<{ name: string; text: string }[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.yaml')).sort()
  return Promise.all(names.map(async (name) => ({ name, text: await readFile(join(folder, name), 'utf8') })))
}

export const problemText = ({ path, line, message }: PolicyProblem) =>
  [line === null ? '' : `line ${line}, `, path === '' ? '' : `${path}: `, message].join('')

async function readBundles(folder: string) {
  const found = new Map<string, Bundle>()
  const problems: string[] = []
  for (const { name, text } of await yamlFiles(folder)) {
    const parsed = parseBundle(text)
    if (!parsed.ok) problems.push(...parsed.problems.map((problem) => `bundles/${name}: ${problemText(problem)}`))
    else if (`${parsed.value.bundle}.yaml` !== name)
      problems.push(`bundles/${name}: the file must be named after its bundle, ${parsed.value.bundle}.yaml.`)
    else found.set(parsed.value.bundle, parsed.value)
  }
  return { found, problems }
}

/** A tool whose tool.yaml is not valid is offered to nobody. */
async function readTools(images: string) {
  const problems: string[] = []
  const base = parseBaseTool(await readFile(join(images, 'base', 'tool.yaml'), 'utf8'))
  if (!base.ok) problems.push(...base.problems.map((problem) => `base/tool.yaml: ${problemText(problem)}`))
  const optional: string[] = []
  for (const id of await foldersOf(join(images, 'tools'))) {
    const file = `tools/${id}/tool.yaml`
    const parsed = parseTool(await readFile(join(images, file), 'utf8').catch(() => ''))
    if (!parsed.ok) problems.push(...parsed.problems.map((problem) => `${file}: ${problemText(problem)}`))
    else if (parsed.value.id !== id) problems.push(`${file}: the id must be the folder's name, ${id}.`)
    else optional.push(id)
  }
  return { found: { base: base.ok ? base.value.provides : [], optional }, problems }
}

async function foldersOf(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
}

/** The package clients of this machine. npm beside the running Node comes first: it is the one that this Node's owner configured. */
const ownClients: RegistryDeps = {
  async run(command, args) {
    const limits = { timeout: CLIENT_TIMEOUT_MS, maxBuffer: 4 * 1_048_576 }
    const beside = join(dirname(process.execPath), command)
    const found = await access(beside, constants.X_OK).then(
      () => beside,
      () => command,
    )
    const { stdout } = await promisify(execFile)(found, args, limits)
    return stdout
  },
  resolve: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
}
