import { request } from 'node:http'
import { onPath } from './command.mjs'
import { aptInstallKnown, aptUpdate, isDebianRoot } from './debian.mjs'

/** Either of these is what sandbox images are built from; the second is the one made here (api/runner/images). */
const BASES = ['debian:trixie-slim', 'backlot/debian:trixie-slim']
const PULL_TIMEOUT_MS = 300_000

/**
 * One call of the Docker Engine API; resolves with status and body.
 *
 * @param {string} engine @param {string} method @param {string} path
 * @returns {Promise<{ status: number, body: string }>}
 */
function call(engine, method, path) {
  const socketPath = engine.startsWith('unix://') ? engine.slice('unix://'.length) : undefined
  const base = socketPath === undefined ? engine.replace(/^tcp:/, 'http:') : 'http://engine'
  return new Promise((resolve, reject) => {
    const options = { method, timeout: PULL_TIMEOUT_MS, ...(socketPath === undefined ? {} : { socketPath }) }
    const sent = request(new URL(path, base), options, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk) => {
        body += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
    })
    sent.on('timeout', () => sent.destroy(new Error('the engine did not answer')))
    sent.on('error', reject)
    sent.end()
  })
}

/**
 * Sees to it that the runner can have a base image: one is there, or can be pulled, or the tool that makes one is there.
 * What is missing after this is said by the runner when it builds.
 *
 * @param {{ engine: string, mayInstall: boolean, note: (text: string) => void }} options
 */
export async function prepareBaseImage({ engine, mayInstall, note }) {
  for (const base of BASES) if ((await call(engine, 'GET', `/images/${base}/json`)).status === 200) return
  if (onPath('mmdebstrap') !== null || onPath('debootstrap') !== null) return
  if (!mayInstall || !isDebianRoot()) return
  note('pulling debian:trixie-slim')
  const pulled = await call(engine, 'POST', '/images/create?fromImage=debian&tag=trixie-slim').catch(() => null)
  // The engine answers 200 before it pulls: what went wrong later stands in the stream.
  if (pulled?.status === 200 && !pulled.body.includes('"errorDetail"')) return
  await aptUpdate(note)
  await aptInstallKnown(['mmdebstrap', 'debian-archive-keyring', 'e2fsprogs'], note)
}
