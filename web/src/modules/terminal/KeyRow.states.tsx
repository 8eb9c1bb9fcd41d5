import type { State, States } from '../../../gallery/state.ts'
import { KeyRow } from './KeyRow.tsx'

const keys = (ctrl: boolean, more: Partial<State> = {}): State => ({
  show: () => <KeyRow onKeys={() => {}} applicationCursor={() => false} ctrl={ctrl} onCtrl={() => {}} />,
  shows: 'Terminal keys',
  ...more,
})

export const states: States = {
  ready: keys(false),
  'control is held': keys(true),
  'other keys': keys(false, { press: ['Other keys'] }),
}
