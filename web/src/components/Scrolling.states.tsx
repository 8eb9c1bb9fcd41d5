import { LONG } from '../../gallery/data/words.ts'
import type { States } from '../../gallery/state.ts'
import { Scrolling } from './Scrolling.tsx'

export const states: States = {
  'very long': {
    show: () => (
      <Scrolling label="A long line" className="">
        <pre>{LONG}</pre>
      </Scrolling>
    ),
    shows: 'If a refund takes',
  },
}
