#!/usr/bin/env node
/**
 * `npm test`: plain JavaScript for any Node ≥ 18. Makes the machine ready as `npm start` does, plus what only tests need;
 * then check, then every test; the last line is `N passed, N failed`.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { prepareBaseImage } from '../api/bin/prepare/base-image.mjs'
import { onPath } from '../api/bin/prepare/command.mjs'
import { aptInstallKnown, aptUpdate, isDebianRoot } from '../api/bin/prepare/debian.mjs'
import { prepareDocker } from '../api/bin/prepare/docker.mjs'
import { prepareLibraries } from '../api/bin/prepare/libraries.mjs'
import { nodeOf, preparePackages } from '../api/bin/prepare/packages.mjs'
import { preparePages } from '../api/bin/prepare/pages.mjs'
import { CannotStart, createSteps } from '../api/bin/prepare/steps.mjs'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const artifacts = join(root, 'test', 'artifacts')
const chosen = process.argv.slice(2)

/** What tests need beyond the product: command → Debian package. */
const TOOLS = {
  chromium: 'chromium',
  tinyproxy: 'tinyproxy',
  'docker-compose': 'docker-compose',
  'mkfs.ext4': 'e2fsprogs',
  openssl: 'openssl',
  git: 'git',
}

/** @param {(text: string) => void} note */
async function prepareTools(note) {
  const missing = Object.entries(TOOLS).filter(([command]) => onPath(command) === null)
  if (missing.length === 0) return
  const packages = missing.map(([, name]) => name)
  if (!isDebianRoot())
    throw new CannotStart(
      `The tests need: ${packages.join(', ')}. On Debian: sudo apt-get install ${packages.join(' ')}`,
    )
  await aptUpdate(note)
  await aptInstallKnown(packages, note)
}

/**
 * @param {string} file @param {string[]} argv @param {NodeJS.ProcessEnv} environment
 * @returns {Promise<number>} its exit code
 */
function show(file, argv, environment) {
  return new Promise((settle, reject) => {
    const child = spawn(file, argv, { cwd: root, env: environment, stdio: 'inherit' })
    child.on('error', reject)
    child.on('exit', (code) => settle(code ?? 1))
  })
}

/** Counts from vitest's JSON report; a file that did not even load counts as one failure. @param {string} file */
function countsOf(file) {
  if (!existsSync(file)) return { passed: 0, failed: 1 }
  const report = JSON.parse(readFileSync(file, 'utf8'))
  const broken = report.testResults.filter(
    (/** @type {any} */ result) =>
      result.status === 'failed' && !result.assertionResults.some((/** @type {any} */ one) => one.status === 'failed'),
  ).length
  return { passed: report.numPassedTests, failed: report.numFailedTests + broken }
}

async function main() {
  const home = join(artifacts, 'home')
  mkdirSync(home, { recursive: true, mode: 0o700 })
  const { step } = createSteps({ stream: process.stdout, total: chosen.length > 0 ? 4 : 5 })
  await step('Packages', async (note) => {
    await prepareLibraries({ mayInstall: true, note })
    await preparePackages(root, note)
  })
  const engine = await step('Docker', async (note) => {
    const found = await prepareDocker({ home, mayInstall: true, note })
    await prepareBaseImage({ engine: found, mayInstall: true, note })
    return found
  })
  await step('Tools of the tests', (note) => prepareTools(note))
  await step('Web pages', (note) => preparePages(root, note))

  const bin = join(root, 'node_modules', '.bin')
  const environment = { ...process.env, PATH: `${bin}:${process.env.PATH}`, DOCKER_HOST: engine }
  let checked = 0
  if (chosen.length === 0) {
    process.stdout.write('[5/5] Check\n')
    checked = await show('npm', ['run', '--silent', 'check'], environment)
  }
  const report = join(artifacts, 'vitest.json')
  rmSync(report, { force: true })
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const tested = await show(nodeOf(root), [vitest, 'run', ...reporters, ...chosen], environment)

  const { passed, failed } = countsOf(report)
  const more = (checked === 0 ? 0 : 1) + (tested !== 0 && failed === 0 ? 1 : 0)
  if (checked !== 0) process.stdout.write('npm run check found something: see above.\n')
  process.stdout.write(`${passed} passed, ${failed + more} failed\n`)
  process.exit(checked === 0 && tested === 0 ? 0 : 1)
}

main().catch((error) => {
  process.stderr.write(`\n${error instanceof CannotStart ? error.message : (error.stack ?? error)}\n`)
  process.stdout.write('0 passed, 1 failed\n')
  process.exit(1)
})
