import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { PolicyInForce } from '../../contract/policy.ts'
import { registryName } from '../../policy/document/bundles.ts'
import { answerCase, type PolicyCase, parseCase } from '../../policy/document/cases.ts'
import { type Library, type LibraryDeps, openLibrary, problemText, yamlFiles } from './library.ts'

/** At least this share of a policy's cases must be `ok`: a policy that forbids everything passes any number of denials. */
const OK_SHARE = 1 / 3

export interface CheckReport {
  ok: boolean
  /** For people: one sentence for each line. */
  lines: string[]
}

/**
 * `backlot policy check`: every policy and preset compiles on this machine, every bundle reads, and every case in
 * `cases/<policy>/{ok,deny}.<what>.yaml` gets the answer that its name says. Writes and sends nothing.
 */
export async function checkPolicies(deps: LibraryDeps, now = new Date()): Promise<CheckReport> {
  const library = await openLibrary(deps)
  const wrong = [...library.problems]
  const lines: string[] = []
  const policies = new Map<string, PolicyInForce>()
  for (const folder of ['', 'presets'])
    for (const { name, text } of await yamlFiles(join(deps.folder, folder))) {
      const file = join(folder, name)
      const judged = await library.judge(text, 1)
      if (!judged.ok) wrong.push(...judged.problems.map((problem) => `${file}: ${problemText(problem)}`))
      else if (policies.has(judged.policy.name))
        wrong.push(`${file}: another file already names its policy "${judged.policy.name}".`)
      else {
        policies.set(judged.policy.name, judged.policy)
        lines.push(`${file}: ${judged.policy.name}, ${judged.policy.egress.length} egress rules`)
      }
    }
  if (policies.size === 0) wrong.push(`No policy was found in ${deps.folder}.`)

  const folders = await readdir(join(deps.folder, 'cases')).catch((): string[] => [])
  for (const name of folders.sort()) {
    const policy = policies.get(name)
    if (!policy) wrong.push(`cases/${name}: there is no policy of that name.`)
    else {
      const result = await runCases(join(deps.folder, 'cases', name), policy, library, now)
      wrong.push(...result.wrong.map((line) => `cases/${name}/${line}`))
      lines.push(`cases/${name}: ${result.ok} ok, ${result.deny} deny`)
    }
  }
  if (wrong.length === 0) return { ok: true, lines: [...lines, 'Every policy holds.'] }
  return { ok: false, lines: [...lines, ...wrong.map((line) => `✗ ${line}`), `${wrong.length} to correct.`] }
}

async function runCases(folder: string, policy: PolicyInForce, library: Library, now: Date) {
  const counted = { ok: 0, deny: 0, wrong: [] as string[] }
  for (const { name, text } of await yamlFiles(folder)) {
    const expected = name.split('.')[0]
    if (expected !== 'ok' && expected !== 'deny') {
      counted.wrong.push(`${name}: begin the name with "ok." or "deny.".`)
      continue
    }
    counted[expected]++
    const parsed = parseCase(text)
    if (!parsed.ok) counted.wrong.push(...parsed.problems.map((problem) => `${name}: ${problemText(problem)}`))
    else {
      const failure = await judgeCase(parsed.value, expected === 'ok', policy, library, now)
      if (failure) counted.wrong.push(`${name}: ${failure} (${parsed.value.why})`)
    }
  }
  const all = counted.ok + counted.deny
  if (all > 0 && counted.ok / all < OK_SHARE)
    counted.wrong.push(`: only ${counted.ok} of ${all} cases are ok; a third at least must show what still works.`)
  return counted
}

async function judgeCase(
  given: PolicyCase,
  shouldAllow: boolean,
  policy: PolicyInForce,
  library: Library,
  now: Date,
): Promise<string | null> {
  const named = 'reach' in given.ask ? registryName.safeParse(given.ask.reach.host.replace(/^registry:/, '')) : null
  const registries = await library.registriesOf(named?.success ? [named.data] : [])
  const { allowed, says } = answerCase(given, policy, registries, now)
  if (allowed !== shouldAllow) return `the policy ${allowed ? 'allows' : 'denies'} it: ${says.join(', ')}`
  if (given.expect !== undefined && !says.includes(given.expect))
    return `expected "${given.expect}", and the policy says ${says.join(', ')}`
  return null
}
