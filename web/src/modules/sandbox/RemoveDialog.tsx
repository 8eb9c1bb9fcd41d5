import { notifications } from '@mantine/notifications'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { PrototypeView } from '../../../../api/contract/prototypes.ts'
import { prototypeQuery, prototypesQuery, removePrototype } from '../../client/prototypes.ts'
import { Confirm } from '../../components/feedback/Confirm.tsx'

interface Props {
  prototype: PrototypeView | null
  onClose: () => void
  /** From here on nothing may ask for the prototype: whatever asks after its end is refused, and the refusal is in the log. */
  onLeaving?: (leaving: boolean) => void
  /** Leaves the prototype's page. */
  onRemoved?: () => Promise<void>
}

export const RemoveDialog = ({ prototype, onClose, onLeaving, onRemoved }: Props) => {
  const queries = useQueryClient()
  const remove = useMutation({
    mutationFn: async ({ id }: PrototypeView) => {
      onLeaving?.(true)
      await queries.cancelQueries({ queryKey: prototypeQuery(id).queryKey })
      await removePrototype(id)
    },
    onError: () => onLeaving?.(false),
    onSuccess: async (_nothing, { id, title }) => {
      notifications.show({ message: `Deleted ${title}.` })
      onClose()
      await onRemoved?.()
      queries.removeQueries({ queryKey: prototypeQuery(id).queryKey })
      await queries.invalidateQueries({ queryKey: prototypesQuery.queryKey })
    },
  })
  return (
    <Confirm
      opened={prototype !== null}
      title="Delete this prototype?"
      action="Delete prototype"
      pending={remove.isPending}
      error={remove.error}
      onClose={() => {
        remove.reset()
        onClose()
      }}
      onConfirm={() => prototype && remove.mutate(prototype)}
    >
      <p>
        <strong>{prototype?.title}</strong> stops at once, and all its files are deleted. This cannot be undone.
      </p>
      <p>What it did stays in the security log.</p>
    </Confirm>
  )
}
