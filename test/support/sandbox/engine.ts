/** The engine that tests use: found as the launcher finds it. Without one the test fails and says how to get it. */
import { findEngine } from '../../../api/bin/prepare/engine.mjs'

export async function testEngineHost(): Promise<string> {
  const host = await findEngine()
  if (host !== null) return host
  throw new Error(
    'These tests need Docker, and none answers here. On Debian as root `npm test` installs it; elsewhere: ' +
      'apt-get install docker.io && service docker start. Then run them again.',
  )
}
