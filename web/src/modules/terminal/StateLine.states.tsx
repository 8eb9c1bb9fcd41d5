import { LONG } from '../../../gallery/data/words.ts'
import type { State, States } from '../../../gallery/state.ts'
import type { ConnectionState } from './connection/connection.ts'
import { StateLine } from './StateLine.tsx'

const line = (state: ConnectionState, shows: string): State => ({
  show: () => <StateLine state={state} onRetry={() => {}} onReopen={() => {}} />,
  shows,
})

export const states: States = {
  connecting: line({ is: 'connecting' }, 'Connecting…'),
  waiting: line({ is: 'waiting', why: 'The connection was lost.' }, 'Try now'),
  ended: line({ is: 'ended', exitCode: 1, why: null }, 'exit code 1'),
  'ended from outside': line({ is: 'ended', exitCode: null, why: 'closed by a person' }, 'closed by a person.'),
  refused: line({ is: 'refused', why: 'There is no such terminal.' }, 'Open again'),
  'very long': line({ is: 'waiting', why: LONG }, 'Try now'),
}
