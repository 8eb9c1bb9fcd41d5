import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '../support/until.ts'

/** A tinyproxy on a free port of loopback, with a configuration of its own. */
export async function startTinyproxy() {
  const folder = mkdtempSync(join(tmpdir(), 'bl-tiny-'))
  const port = await freePort()
  const file = join(folder, 'tinyproxy.conf')
  writeFileSync(
    file,
    `Port ${port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 400\nLogLevel Critical\nAllow 127.0.0.1\n`,
  )
  const child: ChildProcess = spawn('tinyproxy', ['-d', '-c', file], { stdio: 'ignore' })
  const close = () => {
    child.kill()
    rmSync(folder, { recursive: true, force: true })
  }
  const state: { failure: Error | null } = { failure: null }
  child.on('error', (error) => {
    state.failure = error
  })
  child.on('exit', (code) => {
    state.failure ??= new Error(`it ended with ${code}`)
  })
  const accepts = () =>
    new Promise<true | null>((resolve, reject) => {
      if (state.failure !== null) return reject(state.failure)
      const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(null))
      socket.on('connect', () => socket.destroy())
    })
  try {
    await until('tinyproxy listens', accepts)
  } catch (error) {
    close()
    throw error
  }
  return { port, close }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(address !== null && typeof address !== 'string' ? address.port : 0))
    })
  })
}
