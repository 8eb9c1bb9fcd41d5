import { describe, expect, test } from 'vitest'
import { affectedBy } from '../../../../api/bin/dev/affected.ts'

const ALL = ['runner', 'gateway', 'server']

describe('npm run dev starts again what a change concerns', () => {
  test.each([
    ['a route', ['api/server/people/me-routes.ts'], ['server']],
    ['the gateway', ['api/gateway/egress/forward.ts'], ['gateway']],
    ['a flag of the container', ['api/runner/container.ts'], ['runner']],
    ['what the runner reads', ['api/runner/seccomp/profile.json'], ['runner']],
    ['the contract', ['api/contract/audit.ts'], ALL],
    ['a decision', ['api/policy/egress.ts'], ALL],
    ['a single file of the ground', ['api/errors.ts'], ALL],
    ['a policy', ['policies/default.yaml'], ['server']],
    ['the headers of every page', ['api/server/http/web.ts'], ['server', 'pages']],
    ['what Vite is told', ['api/bin/dev/pages.ts'], ['pages']],
    ['two wings', ['api/server/app.ts', 'api/gateway/gateway.ts'], ['gateway', 'server']],
    ['one program twice', ['api/server/app.ts', 'api/server/server.ts'], ['server']],
    ['a command', ['api/bin/commands/audit.ts'], []],
    ['text for people', ['policies/README.md', 'api/README.md'], []],
    [
      'what an editor leaves beside a file',
      ['api/server/.app.ts.swp', 'api/server/app.ts~', 'api/server/.#app.ts'],
      [],
    ],
    ['nothing that it knows', ['api/server'], []],
  ])('%s: %j → %j', (_what, files, restart) => {
    expect(affectedBy(files)).toEqual({ restart, byHand: false })
  })

  test.each([
    'api/bin/launch/start.ts',
    'api/bin/launch/children/supervise.ts',
    'api/bin/dev/watch.ts',
    'api/bin/start.mjs',
  ])('the launcher itself (%s) is for whoever started it', (file) => {
    expect(affectedBy([file, 'api/server/app.ts'])).toEqual({ restart: ['server'], byHand: true })
  })
})
