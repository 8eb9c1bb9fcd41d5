import type { SandboxView } from '../../../../api/contract/prototypes.ts'
import styles from './Progress.module.css'
import { shareOf, stateWords } from './words.ts'

/** How far a workspace is, with the step that is being done. */
export const Progress = ({ sandbox }: { sandbox: SandboxView }) => {
  const words = stateWords[sandbox.state]
  const { progress, detail } = sandbox
  const share = Math.round(shareOf(sandbox) * 100)
  return (
    <div className={styles.progress}>
      <div
        role="progressbar"
        aria-label={words.short}
        aria-valuenow={share}
        aria-valuemin={0}
        aria-valuemax={100}
        className={styles.track}
      >
        <div className={styles.bar} style={{ width: `${share}%` }} />
      </div>
      <p className={styles.step}>
        {progress && sandbox.state === 'building' ? `Step ${progress.step} of ${progress.steps}: ` : ''}
        {detail ?? words.long}
      </p>
    </div>
  )
}
