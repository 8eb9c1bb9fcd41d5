import { runnerConfig, statePaths } from '../../config.ts'
import type { DoctorReport } from '../../contract/programs/runner.ts'
import { homeLabel } from '../../runner/container.ts'
import { createEngine } from '../../runner/docker.ts'
import { createDoctor } from '../../runner/doctor/examine.ts'
import { createWorkspaces } from '../../runner/workspace.ts'
import { createRunnerClient } from '../../server/nodes/runner.ts'
import { untilListening } from '../launch/children/listening.ts'
import { findEngine } from '../prepare/engine.mjs'
import { CannotStart } from '../prepare/steps.mjs'
import type { Say, Where } from './place.ts'

const MARKS = { ok: 'ok      ', warning: 'warning ', refused: 'refused ' }

/** `backlot doctor`: asks the runner when it runs, else looks itself. False when something is refused. */
export async function examineHost({ home }: Where, say: Say): Promise<boolean> {
  const report = await examine(home)
  for (const check of report.checks) {
    say(`${MARKS[check.status]} ${check.title}: ${check.detail}`)
    if (check.fix !== null) say(`         ${check.fix}`)
  }
  say(`Runtimes: ${report.runtimes.join(', ') || 'none'}. Sized workspaces: ${report.sizedWorkspace ? 'yes' : 'no'}.`)
  return report.checks.every((check) => check.status !== 'refused')
}

async function examine(home: string): Promise<DoctorReport> {
  const { runnerSocket } = statePaths(home)
  const runs = await untilListening(runnerSocket, 200, () => 'not running').then(
    () => true,
    () => false,
  )
  if (runs) {
    const runner = createRunnerClient(runnerSocket)
    return runner.doctor().finally(() => runner.close())
  }
  const found = await findEngine()
  if (found === null) throw new CannotStart('No Docker engine answers. npm start installs one or says how.')
  const config = runnerConfig({ ...process.env, BACKLOT_HOME: home, DOCKER_HOST: found })
  const engine = createEngine(config.dockerHost, homeLabel(config.paths.root))
  return createDoctor({ engine, workspaces: createWorkspaces(config.paths.workspaces, config.reserveBytes) }).examine()
}
