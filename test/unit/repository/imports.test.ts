/** The import rules really bite: each is broken once, in a tree made for it, and must be reported by its name. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '..', '..', '..')

const violations = [
  ['contract-is-the-ground', 'api/contract/a.ts', `import type { B } from '../ids.ts'\nexport type A = B`],
  ['deciders-stand-alone', 'api/policy/a.ts', `import { a } from '../server/people/a.ts'\nexport const b = a`],
  ['policy-is-pure', 'api/policy/b.ts', `import { request } from 'node:http'\nexport const b = request`],
  ['policy-and-audit-are-strangers', 'api/audit/a.ts', `import { b } from '../policy/b.ts'\nexport const c = b`],
  ['store-is-below-the-domain', 'api/store/a.ts', `import type { A } from '../server/people/a.ts'\nexport type B = A`],
  [
    'web-knows-the-contract-only',
    'web/src/a.tsx',
    `import { a } from '../../api/server/people/a.ts'\nexport const B = () => <b>{a}</b>`,
  ],
  [
    'web-components-are-generic',
    'web/src/components/a.tsx',
    `import { b } from '../modules/one/b.ts'\nexport const c = b`,
  ],
  ['web-modules-stand-alone', 'web/src/modules/two/a.ts', `import { b } from '../one/b.ts'\nexport const c = b`],
  [
    'web-modules-stand-alone',
    'web/src/modules/two/b.ts',
    `import type { P } from '../../pages/one/p.ts'\nexport type Q = P`,
  ],
  ['web-pages-stand-alone', 'web/src/pages/two/a.ts', `import { p } from '../one/p.ts'\nexport const c = p`],
  ['web-pages-stand-alone', 'web/src/pages/two/b.ts', `import { r } from '../../app/r.ts'\nexport const c = r`],
  ['web-client-is-the-ground', 'web/src/client/a.ts', `import { b } from '../modules/one/b.ts'\nexport const c = b`],
  [
    'porter-knows-the-contract-only',
    'sandbox-images/porter/a.ts',
    `export const a = async () => (await import('../../api/ids.ts')).b`,
  ],
  ['a-wing-imports-no-other-wing', 'api/gateway/a.ts', `import { a } from '../server/people/a.ts'\nexport const b = a`],
  ['a-wing-imports-no-other-wing', 'api/server/b.ts', `import type { C } from '../runner/c.ts'\nexport type D = C`],
  ['the-ground-carries-the-wings', 'api/audit/d.ts', `import { a } from '../server/people/a.ts'\nexport const e = a`],
  ['the-ground-carries-the-wings', 'api/errors.ts', `import { c } from './bin/c.ts'\nexport const f = c`],
  ['flow-knows-no-domain', 'api/flow/a.ts', `import type { B } from '../ids.ts'\nexport type G = B`],
  ['one-place-for-undici', 'api/runner/d.ts', `import { request } from 'undici'\nexport const h = request`],
  ['engine-behind-the-runner', 'api/server/server.ts', `import { x } from './people/far.ts'\nexport const y = x`],
  ['one-place-for-dockerode', 'api/server/people/b.ts', `import Docker from 'dockerode'\nexport const a = Docker`],
  [
    'product-does-not-import-tests',
    'api/server/people/c.ts',
    `import { t } from '../../../test/t.ts'\nexport const u = t`,
  ],
  ['dev-stays-apart', 'api/bin/a.ts', `import { d } from './dev/d.ts'\nexport const a = d`],
  ['dev-stays-apart', 'api/server/e.ts', `import { createServer } from 'vite'\nexport const f = createServer`],
  ['the-gallery-looks-on', 'web/src/b.tsx', `import { s } from './A.states.tsx'\nexport const t = s`],
  ['the-gallery-looks-on', 'web/src/c.tsx', `import { g } from '../gallery/g.ts'\nexport const t = g`],
  ['no-cycles', 'api/server/people/d.ts', `import { e } from './e.ts'\nexport const d = () => e`],
] as const

/** What the violations need to stand on. */
const ground = {
  'api/ids.ts': 'export const b = 1\nexport type B = string',
  'api/server/people/a.ts': 'export const a = 1\nexport type A = string',
  'api/server/people/e.ts': `import { d } from './d.ts'\nexport const e = () => d`,
  'api/server/people/far.ts': `import { docker } from '../../runner/docker.ts'\nexport const x = docker`,
  'api/runner/docker.ts': 'export const docker = 1',
  'api/runner/c.ts': 'export type C = string',
  'api/bin/c.ts': 'export const c = 1',
  'api/bin/dev/d.ts': 'export const d = 1',
  'web/src/A.states.tsx': 'export const s = 1',
  'web/gallery/g.ts': 'export const g = 1',
  'test/t.ts': 'export const t = 1',
  'web/src/modules/one/b.ts': 'export const b = 1',
  'web/src/pages/one/p.ts': 'export const p = 1\nexport type P = string',
  'web/src/app/r.ts': 'export const r = 1',
}

describe('import rules', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bl-imports-'))
  const report = { text: '' }

  beforeAll(() => {
    const files = [...Object.entries(ground), ...violations.map(([, file, text]) => [file, text] as const)]
    for (const [file, text] of files) {
      mkdirSync(dirname(join(folder, file)), { recursive: true })
      writeFileSync(join(folder, file), `${text}\n`)
    }
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    const cruiser = join(root, 'node_modules', 'dependency-cruiser', 'bin', 'dependency-cruiser.mjs')
    const config = join(root, '.dependency-cruiser.mjs')
    const argv = [cruiser, '--config', config, '--output-type', 'err', 'api', 'web', 'sandbox-images']
    report.text = spawnSync(process.execPath, argv, { cwd: folder, encoding: 'utf8' }).stdout
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test.each(violations)('%s is kept', (rule, file) => {
    expect(report.text).toMatch(new RegExp(`error ${rule}: ${file.replaceAll('.', '[.]')}`))
  })
})
