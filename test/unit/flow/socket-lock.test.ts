import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { isListening, lockSocket } from '../../../api/flow/socket-lock.ts'

const folder = mkdtempSync(join(tmpdir(), 'bl-lock-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A process that holds it, until it is killed. */
async function holder(path: string) {
  const program = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => console.log('held'))`
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  await new Promise((held) => child.stdout.once('data', held))
  const gone = new Promise((ended) => child.once('exit', ended))
  return { child, gone }
}

test('one holds it; the next gets it when it is let go of', async () => {
  const path = join(folder, 'one')
  const first = await lockSocket(path, 0)
  await expect(lockSocket(path, 100)).rejects.toThrow('still holds')
  const second = lockSocket(path, 10_000)
  await first.release()
  await (await second).release()
  expect(await isListening(path)).toBe(false)
})

test('a process that was killed holds nothing, though its file is there', async () => {
  const path = join(folder, 'killed')
  const { child, gone } = await holder(path)
  expect(await isListening(path)).toBe(true)
  child.kill('SIGKILL')
  await gone
  await (await lockSocket(path, 0)).release()
})

test('a process that hangs still holds it, however many have asked', async () => {
  const path = join(folder, 'stopped')
  const { child } = await holder(path)
  child.kill('SIGSTOP')
  for (let round = 0; round < 600; round += 1) expect(await isListening(path)).toBe(true)
  await expect(lockSocket(path, 100)).rejects.toThrow('still holds')
})

test('nobody listens where there is no file, or no socket', async () => {
  expect(await isListening(join(folder, 'nothing'))).toBe(false)
  expect(await isListening(folder)).toBe(false)
  const server = createServer()
  await new Promise<void>((done) => server.listen(join(folder, 'server'), done))
  expect(await isListening(join(folder, 'server'))).toBe(true)
  await new Promise((done) => server.close(done))
})
