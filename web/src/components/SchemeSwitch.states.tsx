import type { States } from '../../gallery/state.ts'
import { SchemeSwitch } from './SchemeSwitch.tsx'

export const states: States = {
  closed: { show: () => <SchemeSwitch />, shows: 'Light or dark' },
  open: { show: () => <SchemeSwitch />, press: ['Light or dark'], shows: 'Dark' },
}
