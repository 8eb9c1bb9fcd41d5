import { Button } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { ContainerChanges } from '../../../../api/contract/in-force.ts'
import { applyPolicy, prototypesQuery } from '../../client/prototypes.ts'
import { Confirm } from '../../components/feedback/Confirm.tsx'
import { changeWords } from './changes.ts'
import styles from './NewRules.module.css'

/** What the admin has allowed since this workspace was started; its owner chooses when to interrupt the work for it. */
export const NewRules = ({ sandbox, changes }: { sandbox: string; changes: ContainerChanges }) => {
  const queries = useQueryClient()
  const [asking, { open, close }] = useDisclosure()
  const apply = useMutation({
    mutationFn: applyPolicy,
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: prototypesQuery.queryKey })
      close()
    },
  })
  return (
    <section className={styles.strip} aria-label="New rules">
      <div>
        <p>Your admin allows this workspace more. You get it when it starts again.</p>
        <ul>
          {changeWords(changes).map((words) => (
            <li key={words}>{words}</li>
          ))}
        </ul>
      </div>
      <Button variant="default" size="xs" onClick={open}>
        Apply now…
      </Button>
      <Confirm
        opened={asking}
        title="Apply the new rules now?"
        action="Apply now"
        danger={false}
        pending={apply.isPending}
        error={apply.error}
        onClose={() => {
          apply.reset()
          close()
        }}
        onConfirm={() => apply.mutate(sandbox)}
      >
        <p>
          The workspace starts again, so whatever runs in its terminals ends, the agent too.{' '}
          <strong>Your files stay.</strong>
        </p>
        <p>It takes a moment, or a few minutes when tools are new.</p>
      </Confirm>
    </section>
  )
}
