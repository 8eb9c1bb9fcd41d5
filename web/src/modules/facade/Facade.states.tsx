import type { States } from '../../../gallery/state.ts'
import { Facade } from './Facade.tsx'

const seeds = ['one', 'two', 'three']
const street = (mood: 'up' | 'rising' | 'down') => () => (
  <>
    {seeds.map((seed) => (
      <Facade key={seed} seed={seed} mood={mood} share={0.5} />
    ))}
    <p>{mood}</p>
  </>
)

export const states: States = {
  up: { show: street('up'), shows: 'up' },
  rising: { show: street('rising'), shows: 'rising' },
  down: { show: street('down'), shows: 'down' },
}
