import type { States } from '../../gallery/state.ts'
import { SchemeSwitch } from './SchemeSwitch.tsx'

export const states: States = {
  closed: { show: () => <SchemeSwitch />, shows: 'Colour scheme' },
  open: { show: () => <SchemeSwitch />, press: ['Colour scheme'], shows: 'Dark' },
}
