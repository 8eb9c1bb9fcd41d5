import { Button, Group } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { RebuildReason } from '../../../../api/contract/in-force.ts'
import type { PrototypeView, SandboxState } from '../../../../api/contract/prototypes.ts'
import { isGettingReady, prototypeQuery, startSandbox } from '../../client/prototypes.ts'
import { messageOf } from '../../client/request.ts'
import { Explained } from '../../components/feedback/Explained.tsx'
import { Problem } from '../../components/feedback/Problem.tsx'
import { Facade } from '../../modules/facade/Facade.tsx'
import { Progress } from '../../modules/sandbox/Progress.tsx'
import { shareOf, stateWords } from '../../modules/sandbox/words.ts'
import styles from './Studio.module.css'

const rebuilding: Record<RebuildReason, { title: string; why: string }> = {
  'policy-narrowed': {
    title: 'Your workspace is being rebuilt',
    why: 'Your admin changed the rules of this workspace. Your files stay.',
  },
  'policy-applied': { title: 'Applying the new rules', why: 'Your files stay.' },
}
const preparing = { title: 'Preparing your workspace', why: null }

/** What starts again from here, and how the button says it. */
const startWords: Partial<Record<SandboxState, string>> = {
  paused: 'Resume',
  stopped: 'Start again',
  failed: 'Try again',
  lost: 'Try again',
}

/** In place of the terminal while there is nothing to type into. */
export const GettingReady = ({ prototype, onRemove }: { prototype: PrototypeView; onRemove: () => void }) => {
  const { sandbox } = prototype
  const words = stateWords[sandbox.state]
  const queries = useQueryClient()
  const start = useMutation({
    mutationFn: startSandbox,
    onSuccess: () => queries.invalidateQueries({ queryKey: prototypeQuery(prototype.id).queryKey }),
  })
  if (isGettingReady(sandbox.state)) {
    const { title, why } = sandbox.rebuiltFor === null ? preparing : rebuilding[sandbox.rebuiltFor]
    return (
      <div className={styles.readying} aria-live="polite">
        <Facade seed={prototype.id} mood="rising" share={shareOf(sandbox)} />
        <h2>{title}</h2>
        {why && <p>{why}</p>}
        <Progress sandbox={sandbox} />
        <p>You can leave this page. It continues without you.</p>
      </div>
    )
  }
  return (
    <div className={styles.readying} role="status">
      <Facade seed={prototype.id} mood="down" />
      <h2>{words.short}</h2>
      <p>{words.long}</p>
      {sandbox.detail && (
        <div className={styles.reason}>
          <Explained>{sandbox.detail}</Explained>
        </div>
      )}
      <Problem>{start.isError && messageOf(start.error)}</Problem>
      <Group>
        {startWords[sandbox.state] && (
          <Button loading={start.isPending} onClick={() => start.mutate(sandbox.id)}>
            {startWords[sandbox.state]}
          </Button>
        )}
        <Button variant="default" onClick={onRemove}>
          Delete prototype
        </Button>
      </Group>
    </div>
  )
}
