import { z } from 'zod'
import { slug } from '../../contract/ids.ts'
import { egressRule, type PolicyDocument } from '../../contract/policy.ts'
import { type Parsed, parseAs } from './parse.ts'

export const registryName = z.enum(['npm', 'pypi', 'debian'])
export type RegistryName = z.infer<typeof registryName>

/** Wherever the package client of this machine is configured to go; its hosts are never written down here. */
const registryUse = z.strictObject({ registry: registryName })
export const bundle = z.strictObject({
  bundle: slug,
  description: z.string().min(1).max(500),
  egress: z
    .array(z.union([registryUse, egressRule]))
    .min(1)
    .max(50),
})
export type Bundle = z.infer<typeof bundle>

export const parseBundle = (yaml: string): Parsed<Bundle> => parseAs(bundle, yaml)

/** The registries that a policy reaches through its bundles: only those clients have to be asked. */
export function registriesNeeded({ egress }: PolicyDocument, bundles: ReadonlyMap<string, Bundle>): RegistryName[] {
  const used = egress.flatMap((entry) => ('use' in entry ? (bundles.get(entry.use)?.egress ?? []) : []))
  return [...new Set(used.flatMap((entry) => ('registry' in entry ? [entry.registry] : [])))]
}
