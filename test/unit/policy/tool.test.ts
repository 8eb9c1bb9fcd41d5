import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { parseTool } from '../../../api/policy/document/tool.ts'

const folder = join(import.meta.dirname, '..', '..', '..', 'sandbox-images', 'tools')
const manifest = z.looseObject({ dependencies: z.record(z.string(), z.string()) })

describe.each(readdirSync(folder))('the tool %s', (id) => {
  const read = (name: string) => readFileSync(join(folder, id, name), 'utf8')
  const parsed = parseTool(read('tool.yaml'))
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  const described = parsed.value

  test('has the name of its folder, and the version that its lock file pins', () => {
    const { dependencies } = manifest.parse(JSON.parse(read('package.json')))
    expect(described.id).toBe(id)
    expect(dependencies).toEqual({ [described.install.npm]: described.version })
  })

  test('sets the environment that it says', () => {
    const set = [...read('Dockerfile').matchAll(/^(?:ENV|\s+)\s*([A-Z][A-Z0-9_]*)=(\S+)/gm)].map(([, name, value]) => [
      name,
      value,
    ])
    expect(Object.fromEntries(set)).toEqual(described.environment)
  })

  test('begins with the image below and ends by running what it installed', () => {
    const lines = read('Dockerfile').trim().split('\n')
    expect(lines[0]).toBe('ARG BASE')
    expect(lines.at(-1)).toMatch(/^RUN .*--version/)
  })
})
