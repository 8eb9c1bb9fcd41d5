import { type RefObject, useEffect, useRef, useState } from 'react'
import { type Connection, type ConnectionState, createConnection } from './connection/connection.ts'
import { createScreen, type Screen } from './screen/screen.ts'

export interface TerminalEvents {
  onTitle: (title: string) => void
  onFullScreen: (on: boolean) => void
  onLeave: () => void
  onEnded: () => void
}

interface Options {
  sandbox: string
  name: string
  /** Output before this was there before the page was opened. */
  replayUntil: number
  /** Somebody pressed a link in it. */
  onLink: (target: string) => void
}

const control = (text: string): string => {
  const code = text.toUpperCase().codePointAt(0) ?? 0
  return text.length === 1 && code >= 64 && code <= 95 ? String.fromCodePoint(code - 64) : text
}

/** A screen in `element` and the connection behind it; a Ctrl key that holds for the next letter. */
export const useTerminal = (element: RefObject<HTMLElement | null>, options: Options, events: TerminalEvents) => {
  const { sandbox, name, replayUntil } = options
  const screen = useRef<Screen>(null)
  const connection = useRef<Connection>(null)
  const held = useRef(false)
  const [ctrl, setCtrl] = useState(false)
  const [state, setState] = useState<ConnectionState>({ is: 'connecting' })
  const [opening, setOpening] = useState(1)
  const current = useRef({ ...events, onLink: options.onLink })
  current.current = { ...events, onLink: options.onLink }

  const hold = (on: boolean) => {
    held.current = on
    setCtrl(on)
  }
  const press = (text: string) => {
    connection.current?.input(held.current ? control(text) : text)
    if (held.current) hold(false)
  }

  // biome-ignore lint/correctness/useExhaustiveDependencies: one screen for one terminal; where its past ends is asked once
  useEffect(() => {
    if (!element.current) return
    const shown = createScreen(element.current, opening === 1 ? replayUntil : 0, {
      onInput: press,
      onSize: (size) => connection.current?.resize(size),
      onTitle: (title) => current.current.onTitle(title),
      onLink: (target) => current.current.onLink(target),
      onFullScreen: (full) => current.current.onFullScreen(full),
      onLeave: () => current.current.onLeave(),
    })
    const made = createConnection(sandbox, name, shown, (next) => {
      setState(next)
      shown.setInput(next.is === 'open')
      if (next.is === 'ended' || next.is === 'refused') current.current.onEnded()
    })
    screen.current = shown
    connection.current = made
    shown.focus()
    return () => {
      made.close()
      shown.close()
    }
  }, [sandbox, name, opening])

  return { screen, connection, state, ctrl, hold, press, reopen: () => setOpening(opening + 1) }
}
