import { describe, expect, test } from 'vitest'
import {
  clientEnvironment,
  type RegistryDeps,
  resolveRegistries,
  resolveRegistry,
} from '../../../api/policy/document/registries.ts'

/** Package clients that print what is given for their command line, and are missing otherwise. */
const clients = (outputs: Record<string, string>, addresses: string[] = ['93.184.216.34']): RegistryDeps => ({
  run: async (command, args) => {
    const found = Object.entries(outputs).find(([line]) => `${command} ${args.join(' ')}`.startsWith(line))
    if (!found) throw new Error('ENOENT')
    return found[1]
  },
  resolve: async () => (addresses.length > 0 ? addresses : Promise.reject(new Error('ENOTFOUND'))),
})
const npm = (url: string) => ({ 'npm config get registry': `${url}\n` })
const HELP =
  '  -i, --index-url <url>  Base URL of the index (default\n                  https://index.example.org/simple). This should'
const REPORT = '{"install":[{"download_info":{"url":"https://files.example.org/packages/pip.whl","archive_info":{}}}]}'

describe('the hosts are those that the client is configured for', () => {
  test.for([
    ['npm', npm('https://packages.example.org/'), ['tls packages.example.org 443']],
    ['npm', npm('https://packages.example.org:8443/npm/'), ['tls packages.example.org 8443']],
    ['npm', npm('http://packages.example.org/'), ['http packages.example.org 80']],
    ['npm', npm('https://user:secret@packages.example.org/'), ['tls packages.example.org 443']],
    ['pypi', { 'pip3 config get': 'https://company.example.org/simple\n' }, ['tls company.example.org 443']],
    ['pypi', { 'pip3 install --help': HELP }, ['tls index.example.org 443']],
    [
      'pypi',
      { 'pip3 install --help': HELP, 'pip3 install --dry-run': REPORT },
      ['tls index.example.org 443', 'tls files.example.org 443'],
    ],
    [
      'debian',
      { 'apt-get indextargets': 'http://a.example.org/debian\nhttp://a.example.org/debian\nhttp://b.example.org/s\n' },
      ['http a.example.org 80', 'http b.example.org 80'],
    ],
  ] as const)('%s %j', async ([name, outputs, expected]) => {
    const registry = await resolveRegistry(name, clients(outputs))
    expect(registry.ok && registry.endpoints.map(({ protocol, host, port }) => `${protocol} ${host} ${port}`)).toEqual(
      expected,
    )
  })
})

describe('what cannot be used is refused with what to do', () => {
  test.for([
    ['npm', {}, 'npm did not answer on this machine. Install it'],
    ['pypi', {}, 'pip (Debian: python3-pip) did not answer'],
    ['pypi', { 'pip3 install --help': 'a help without a default' }, 'names no address'],
    ['debian', { 'apt-get indextargets': '\n' }, 'names no address'],
    ['npm', npm('undefined'), 'cannot be let to'],
    ['npm', npm('http://localhost:4873/'), 'cannot be let to'],
    ['npm', npm('http://127.0.0.1:4873/'), 'cannot be let to'],
    ['npm', npm('http://10.1.2.3:4873/'), 'cannot be let to'],
    ['npm', npm('file:///srv/npm'), 'cannot be let to'],
  ] as const)('%s %j', async ([name, outputs, message]) => {
    expect(await resolveRegistry(name, clients(outputs))).toEqual({
      ok: false,
      message: expect.stringContaining(message),
    })
  })
})

describe("a company's own registry is pinned to the addresses that it has", () => {
  test.for([
    [['10.1.2.3'], ['10.1.2.3/32']],
    [['10.1.2.3', '93.184.216.34'], ['10.1.2.3/32']],
    [['fd12::5'], ['fd12::5/128']],
    [
      ['100.64.0.9', '192.168.1.1'],
      ['100.64.0.9/32', '192.168.1.1/32'],
    ],
    [['93.184.216.34'], []],
    [['127.0.0.1', '169.254.169.254', '::1', 'fe80::1', '0.0.0.0', '224.0.0.1'], []],
    [[], []],
  ] as const)('%j → %j', async ([addresses, expected]) => {
    const registry = await resolveRegistry('npm', clients(npm('https://packages.example.org'), [...addresses]))
    expect(registry.ok && registry.endpoints[0]?.addresses).toEqual(expected)
  })
})

test('the clients in a sandbox are told where to go, without credentials', async () => {
  const deps = clients({
    ...npm('https://user:secret@packages.example.org/npm/'),
    'pip3 config get': 'https://packages.example.org/simple',
  })
  expect(clientEnvironment(await resolveRegistries(['npm', 'pypi'], deps))).toEqual({
    NPM_CONFIG_REGISTRY: 'https://packages.example.org/npm/',
    PIP_INDEX_URL: 'https://packages.example.org/simple',
  })
})
