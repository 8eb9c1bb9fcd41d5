/** What a `Something.states.tsx` beside a component says: the states that a person can meet it in, by name. */
import type { ReactNode } from 'react'
import type { ErrorCode } from '../../api/contract/errors.ts'

/** What the fake server answers to one `METHOD /path` of /api/v1. */
export type Answer =
  | { is: 'json'; body: unknown }
  | { is: 'failure'; code: ErrorCode; message: string }
  /** Server-sent events; then it stays open. */
  | { is: 'stream'; text: string }
  /** No answer ever comes: the page is loading. */
  | { is: 'never' }
  /** The connection fails. */
  | { is: 'offline' }

export const json = (body: unknown): Answer => ({ is: 'json', body })
export const never: Answer = { is: 'never' }
export const offline: Answer = { is: 'offline' }
export const fails = (code: ErrorCode, message: string): Answer => ({ is: 'failure', code, message })

export type Answers = Record<string, Answer>

interface Common {
  answers?: Answers
  /** Text that must be on the screen, or the accessible name of what must be: without it the state is not what it says. */
  shows: string
  /** What the gallery does first: presses the buttons, or labels, of these names, one after another. */
  press?: readonly string[]
  /** What a terminal's WebSocket gives: frames as objects, output as text. */
  terminal?: readonly (string | object)[]
}

/** The whole app at an address, with its shell and router; the page needs no change for it. */
export interface PageState extends Common {
  at: string
}
/** One component. */
export interface PieceState extends Common {
  show: () => ReactNode
}
export type State = PageState | PieceState
export type States = Record<string, State>
