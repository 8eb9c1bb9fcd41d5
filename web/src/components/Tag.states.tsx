import { BIDI } from '../../gallery/data/words.ts'
import type { States } from '../../gallery/state.ts'
import { Tag } from './Tag.tsx'

const all = (text: string) => () => (
  <p>
    <Tag>{text}</Tag> <Tag tone="good">{text}</Tag> <Tag tone="bad">{text}</Tag> <Tag tone="marigold">{text}</Tag>
  </p>
)

export const states: States = {
  ready: { show: all('Ready'), shows: 'Ready' },
  bidi: { show: all(BIDI), shows: 'תשלום' },
}
