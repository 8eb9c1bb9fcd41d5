import type { ConnectionState } from './connection/connection.ts'
import styles from './StateLine.module.css'

const wordsOf = (state: ConnectionState): string | null => {
  switch (state.is) {
    case 'open':
      return null
    case 'connecting':
      return 'Connecting…'
    case 'waiting':
      return `${state.why} Reconnecting… What runs in the terminal keeps running.`
    case 'ended':
      if (state.why !== null) return state.why.endsWith('.') ? state.why : `This terminal has ended: ${state.why}.`
      return state.exitCode === null || state.exitCode === 0
        ? 'This terminal has ended.'
        : `This terminal has ended (exit code ${state.exitCode}).`
    case 'refused':
      return state.why
  }
}

interface Props {
  state: ConnectionState
  onRetry: () => void
  /** Starts a new one of the same name. */
  onReopen: () => void
}

/** Says when what is typed does not arrive, and why. */
export const StateLine = ({ state, onRetry, onReopen }: Props) => {
  const words = wordsOf(state)
  return (
    <div className={styles.line} role="status" data-state={state.is} hidden={words === null}>
      <span>{words}</span>
      {state.is === 'waiting' && (
        <button type="button" onClick={onRetry}>
          Try now
        </button>
      )}
      {(state.is === 'ended' || state.is === 'refused') && (
        <button type="button" onClick={onReopen}>
          Open again
        </button>
      )}
    </div>
  )
}
