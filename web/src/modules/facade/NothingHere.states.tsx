import type { States } from '../../../gallery/state.ts'
import { NothingHere } from './NothingHere.tsx'

export const states: States = {
  page: { show: () => <NothingHere what="page" />, shows: 'This page does not exist' },
  prototype: { show: () => <NothingHere what="prototype" />, shows: 'This prototype does not exist' },
}
