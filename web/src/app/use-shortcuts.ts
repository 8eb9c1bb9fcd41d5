import { useNavigate } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import type { Place } from './navigation.ts'

const SEQUENCE_MS = 1200

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  target.closest('input, textarea, select, [contenteditable], [role="dialog"]') !== null

/** `g` and a letter goes to a page; `?` asks for help. Nothing is taken from a field or a terminal. */
export const useShortcuts = (places: readonly Place[], onHelp: () => void): void => {
  const navigate = useNavigate()
  const wentAt = useRef(0)
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return
      if (event.key === '?') return onHelp()
      if (event.key === 'g') {
        wentAt.current = event.timeStamp
        return
      }
      const place = places.find(({ key }) => key === event.key)
      if (!place || event.timeStamp - wentAt.current > SEQUENCE_MS) return
      wentAt.current = 0
      event.preventDefault()
      navigate({ to: place.to })
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  })
}
