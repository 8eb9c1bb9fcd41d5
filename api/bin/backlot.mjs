#!/usr/bin/env node
/** The command `backlot`, on any Node ≥ 18: runs backlot.ts on the Node 26 that the packages bring. */
import { spawnSync } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nodeOf } from './prepare/packages.mjs'

const here = dirname(realpathSync(fileURLToPath(import.meta.url)))
const root = resolve(here, '..', '..')
const argv = process.argv.slice(2)
// `start` makes the machine ready itself, the packages included.
const [program, file] =
  argv[0] === 'start' ? [process.execPath, join(here, 'start.mjs')] : [nodeOf(root), join(here, 'backlot.ts')]
if (!existsSync(program)) {
  process.stderr.write('The packages are not installed yet. Run: npm start (or npm ci)\n')
  process.exit(1)
}
const rest = argv[0] === 'start' ? argv.slice(1) : argv
process.exit(spawnSync(program, [file, ...rest], { stdio: 'inherit' }).status ?? 1)
