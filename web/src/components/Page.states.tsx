import { BIDI, LONG } from '../../gallery/data/words.ts'
import type { States } from '../../gallery/state.ts'
import { Page, Section } from './Page.tsx'

const page =
  (title: string, wide = false) =>
  () => (
    <Page title={title} intro={title} wide={wide} actions={<button type="button">Do it</button>}>
      <Section title={title} intro={title}>
        <p>{title}</p>
      </Section>
    </Page>
  )

export const states: States = {
  ready: { show: page('A page'), shows: 'Do it' },
  wide: { show: page('A wide page', true), shows: 'Do it' },
  'very long': { show: page(LONG), shows: 'Do it' },
  bidi: { show: page(BIDI), shows: 'Do it' },
}
