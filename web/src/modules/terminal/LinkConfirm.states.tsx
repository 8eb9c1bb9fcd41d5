import { LONG } from '../../../gallery/data/words.ts'
import type { States } from '../../../gallery/state.ts'
import { LinkConfirm } from './LinkConfirm.tsx'

const to = (target: string) => () => <LinkConfirm target={target} onClose={() => {}} />

export const states: States = {
  asks: { show: to('https://example.com/a/page'), shows: 'https://example.com/a/page' },
  'very long': { show: to(`https://example.com/?q=${encodeURIComponent(LONG)}`), shows: 'Open this link?' },
}
