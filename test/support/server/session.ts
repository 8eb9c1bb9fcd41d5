import { type ExecResult, execResult, type PrototypeView, prototypeView } from '../../../api/contract/prototypes.ts'
import { until } from '../until.ts'

/** A signed-in person, over the HTTP API. */
export interface Session {
  readonly url: string
  readonly cookie: string
  call(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }>
  /** Makes a prototype and waits until its sandbox can be used. */
  createPrototype(title: string): Promise<PrototypeView>
  exec(sandbox: string, argv: string[], timeoutMs?: number): Promise<ExecResult>
  /** The same through `sh -c`. */
  shell(sandbox: string, script: string, timeoutMs?: number): Promise<ExecResult>
}

const SANDBOX_TIMEOUT_MS = 300_000

export async function createSession(
  url: string,
  credentials: { token: string } | { email: string; password: string },
): Promise<Session> {
  const origin = new URL(url).origin
  const answer = await fetch(`${url}/api/v1/sessions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin },
    body: JSON.stringify(credentials),
  })
  if (!answer.ok) throw new Error(`sign-in: ${answer.status} ${await answer.text()}`)
  const cookieOf = (response: Response) =>
    response.headers
      .getSetCookie()
      .map((line) => line.split(';')[0])
      .join('; ')
  // Setting a password, among other things, replaces the session.
  let cookie = cookieOf(answer)

  async function call(method: string, path: string, body?: unknown) {
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: { cookie, origin, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    cookie = cookieOf(response) || cookie
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.includes('json') === true && text !== ''
    const parsed: unknown = isJson ? JSON.parse(text) : text
    return { status: response.status, body: parsed }
  }

  async function expectOk(method: string, path: string, body?: unknown) {
    const result = await call(method, path, body)
    if (result.status >= 400) throw new Error(`${method} ${path}: ${result.status} ${JSON.stringify(result.body)}`)
    return result.body
  }

  async function exec(sandbox: string, argv: string[], timeoutMs = 60_000) {
    return execResult.parse(await expectOk('POST', `/sandboxes/${sandbox}/exec`, { argv, timeoutMs }))
  }

  return {
    url,
    get cookie() {
      return cookie
    },
    call,
    async createPrototype(title) {
      const made = prototypeView
        .pick({ id: true })
        .loose()
        .parse(await expectOk('POST', '/prototypes', { title }))
      return until(
        `the sandbox of ${title} is ready`,
        async () => {
          const view = prototypeView.parse(await expectOk('GET', `/prototypes/${made.id}`))
          if (['failed', 'lost', 'removed'].includes(view.sandbox.state))
            throw new Error(`The sandbox is ${view.sandbox.state}: ${view.sandbox.detail}`)
          return view.sandbox.state === 'claimed' || view.sandbox.state === 'ready' ? view : null
        },
        SANDBOX_TIMEOUT_MS,
      )
    },
    exec,
    shell: (sandbox, script, timeoutMs) => exec(sandbox, ['sh', '-c', script], timeoutMs),
  }
}
