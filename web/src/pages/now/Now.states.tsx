import { bidiEvent, log, longEvent, some } from '../../../gallery/data/audit.ts'
import { meAs } from '../../../gallery/data/people.ts'
import { bidi, every, holds, long } from '../../../gallery/data/prototypes.ts'
import { fails, json, never, offline, type States } from '../../../gallery/state.ts'

const at = '/now'
const FEED = 'GET /audit/feed'
const running = (items: unknown[]) => ({ 'GET /sandboxes': json({ items, cursor: null }) })

export const states: States = {
  loading: { at, answers: { [FEED]: never, 'GET /sandboxes': never }, shows: 'Connecting…' },
  empty: { at, answers: { [FEED]: log([]) }, shows: 'Nothing has happened yet' },
  ready: { at, answers: { [FEED]: log(some), ...running(every) }, shows: 'paste.example.net' },
  behind: { at, answers: { [FEED]: log(some, 12_000), ...running(every) }, shows: '12 s behind' },
  paused: { at, answers: { [FEED]: log(some), ...running(every) }, press: ['Pause'], shows: 'Paused, 0 new' },
  error: {
    at,
    answers: { [FEED]: fails('audit_unavailable', 'The log cannot be read at the moment. Try again.') },
    shows: 'Try again',
  },
  offline: { at, answers: { [FEED]: offline, 'GET /sandboxes': offline }, shows: 'Connecting…' },
  'very long': { at, answers: { [FEED]: log([longEvent]), ...running([long]) }, shows: 'long-label.long-label' },
  bidi: { at, answers: { [FEED]: log([bidiEvent]), ...running([bidi]) }, shows: 'תשלום' },
  'on hold': {
    at,
    answers: { [FEED]: log(some), ...running(every), 'GET /holds': json({ items: holds }) },
    shows: 'By Chidi Anagonye',
  },
  'about to release': {
    at,
    answers: { [FEED]: log(some), ...running(every), 'GET /holds': json({ items: holds }) },
    press: ['Release “Loyalty points”'],
    shows: 'Nothing starts by itself',
  },
  'about to stop everything': {
    at,
    answers: { [FEED]: log(some), ...running(every) },
    press: ['Stop everything…'],
    shows: 'Stop everything?',
  },
  'for who may not': { at, answers: { 'GET /me': meAs(['pm']) }, shows: 'Nothing behind this door' },
}
