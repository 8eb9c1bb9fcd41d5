import type { States } from '../../../gallery/state.ts'

export const states: States = { ready: { at: '/prototypes/../nowhere', shows: 'Nothing behind this door' } }
