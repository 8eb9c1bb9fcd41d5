import { BIDI, LONG } from '../../gallery/data/words.ts'
import type { States } from '../../gallery/state.ts'
import { Rows } from './Rows.tsx'

const rows =
  (...texts: string[]) =>
  () => (
    <Rows>
      {texts.map((text) => (
        <li key={text}>
          <span>{text}</span>
          <button type="button">Change</button>
        </li>
      ))}
    </Rows>
  )

export const states: States = {
  ready: { show: rows('One', 'Two', 'Three'), shows: 'Three' },
  'very long': { show: rows('One', LONG), shows: 'If a refund takes' },
  bidi: { show: rows('One', BIDI), shows: 'תשלום' },
}
