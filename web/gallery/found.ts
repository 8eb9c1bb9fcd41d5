import { z } from 'zod'
import type { State, States } from './state.ts'

/** Every states file, by its place: nothing has to be registered. */
const files = import.meta.glob<States>('../src/**/*.states.tsx', { import: 'states', eager: true })

export interface Found {
  /** `pages/now/Now/ready`. */
  id: string
  place: string
  name: string
  state: State
}

export const found: readonly Found[] = Object.entries(files).flatMap(([file, states]) => {
  const place = file.replace('../src/', '').replace('.states.tsx', '')
  return Object.entries(states).map(([name, state]) => ({
    id: `${place}/${name.replaceAll(' ', '-')}`,
    place,
    name,
    state,
  }))
})

/** The state that the address asks for; null: all of them. */
export const asked = (): Found | null => {
  const id = z.string().nullable().parse(new URLSearchParams(window.location.search).get('state'))
  return found.find((one) => one.id === id) ?? null
}
