import { parse } from 'tldts'

/**
 * Clouds whose domain is no public suffix but has some below it, such as `s3.amazonaws.com`. The list of public suffixes can
 * only be asked about one name, so these are named here; a missing one is a wildcard that publishes with the usual note.
 */
const CLOUDS = [
  ...['amazonaws.com', 'amazonaws.com.cn', 'on.aws', 'sagemaker.aws', 'sagemaker.com.cn', 'amazoncognito.com'],
  ...['amazonwebservices.com.cn', 'amazonwebservices.eu', 'amazonlightsail.com'],
  ...['windows.net', 'azure.com', 'usgovcloudapi.net', 'chinacloudapi.cn'],
  ...['fastly.net', 'cdn77.org', 'scw.cloud', 'ovh.net', 'linode.com', 'clever-cloud.com', 'platform.sh'],
  ...['databricksapps.com', 'ncloudstorage.com', 'ncloud.com', 'k2.cloud', 'reclaim.cloud', 'massivegrid.net'],
]
const PRIVATE_TOO = { allowPrivateDomains: true } as const

/**
 * Whose names a wildcard covers: everybody's who registers one (`*.co.uk`), those of strangers who share a host
 * (`*.github.io`), or one owner's (null). `pattern` is canonical; a single host is always one owner's.
 */
export function strangersBelow(pattern: string): 'anybody' | 'shared' | null {
  if (!pattern.startsWith('*.')) return null
  const host = pattern.slice(2)
  const { publicSuffix, isPrivate } = parse(host, PRIVATE_TOO)
  if (publicSuffix === host) return isPrivate ? 'shared' : 'anybody'
  // A suffix that is itself a wildcard (`*.compute.amazonaws.com`): every name below is another stranger's.
  const below = parse(`any.${host}`, PRIVATE_TOO)
  if (below.publicSuffix === `any.${host}`) return below.isPrivate ? 'shared' : 'anybody'
  // A customer's own name below a suffix is one owner's, wherever the suffix is.
  if (isPrivate) return null
  return CLOUDS.some((cloud) => host === cloud || host.endsWith(`.${cloud}`)) ? 'shared' : null
}
