import { WHEN } from '../../gallery/data/words.ts'
import type { States } from '../../gallery/state.ts'
import { Age } from './Age.tsx'

export const states: States = {
  'half an hour': { show: () => <Age at={WHEN} />, shows: 'ago' },
  'long ago': { show: () => <Age at="2019-01-01T00:00:00.000Z" />, shows: 'days ago' },
}
