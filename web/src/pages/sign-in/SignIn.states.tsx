import { fails, never, type States } from '../../../gallery/state.ts'

const nobody = { 'GET /me': fails('unauthenticated', 'Sign in first.') }

export const states: States = {
  ready: { at: '/sign-in', answers: nobody, shows: 'Sign in' },
  'by a link': {
    at: '/sign-in#token=bl_only-once-and-for-thirty-minutes',
    answers: { ...nobody, 'POST /sessions': never },
    shows: 'Signing you in…',
  },
  'by a link that is used up': {
    at: '/sign-in#token=bl_only-once-and-for-thirty-minutes',
    answers: {
      ...nobody,
      'POST /sessions': fails('unauthenticated', 'This link was used, or has expired. Ask for a new one.'),
    },
    shows: 'This link was used',
  },
}
