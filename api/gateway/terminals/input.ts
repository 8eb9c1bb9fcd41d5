import type { Writable } from 'node:stream'
import type { PorterClient } from '../porter/client.ts'
import type { TerminalLimiter } from './limiter.ts'

interface Waiting {
  bytes: Buffer
  done: () => void
}

interface InputDeps {
  name: string
  porter: Pick<PorterClient, 'connected' | 'terminalInput'>
  limiter: Pick<TerminalLimiter, 'noteKey'>
}

/** What people type into one terminal, in order. While the porter is away it waits. */
export function createInput({ name, porter, limiter }: InputDeps) {
  const state: { stream: Writable | null; waiting: Waiting[] } = { stream: null, waiting: [] }

  /** `done`: there is room for more. */
  function send(bytes: Buffer, done: () => void) {
    limiter.noteKey()
    if (!state.stream || state.stream.destroyed) state.stream = porter.connected() ? porter.terminalInput(name) : null
    const { stream } = state
    if (!stream) state.waiting.push({ bytes, done })
    else if (stream.write(bytes)) done()
    else onceDrainedOrClosed(stream, done)
  }

  return {
    send,
    /** A porter is connected: what has waited goes first. */
    resume() {
      if (state.stream?.destroyed) state.stream = null
      for (const { bytes, done } of state.waiting.splice(0)) send(bytes, done)
    },
    /** What waits goes nowhere any more. */
    stop() {
      state.stream?.end()
      state.stream = null
      for (const { done } of state.waiting.splice(0)) done()
    },
  }
}

function onceDrainedOrClosed(stream: Writable, done: () => void) {
  const go = () => {
    stream.off('drain', go)
    stream.off('close', go)
    done()
  }
  stream.once('drain', go)
  stream.once('close', go)
}
