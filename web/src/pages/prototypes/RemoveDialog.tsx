import { notifications } from '@mantine/notifications'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { PrototypeView } from '../../../../api/contract/prototypes.ts'
import { prototypesQuery, removePrototype } from '../../client/prototypes.ts'
import { Confirm } from '../../components/feedback/Confirm.tsx'

interface Props {
  prototype: PrototypeView | null
  onClose: () => void
  onRemoved?: () => void
}

export const RemoveDialog = ({ prototype, onClose, onRemoved }: Props) => {
  const queries = useQueryClient()
  const remove = useMutation({
    mutationFn: removePrototype,
    onSuccess: () => {
      notifications.show({ message: `Deleted ${prototype?.title ?? 'the prototype'}.` })
      onClose()
      onRemoved?.()
      void queries.invalidateQueries({ queryKey: prototypesQuery.queryKey })
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
      onConfirm={() => prototype && remove.mutate(prototype.id)}
    >
      <p>
        <strong>{prototype?.title}</strong> stops at once, and all its files are destroyed. This cannot be undone.
      </p>
      <p>What it did stays in the security log.</p>
    </Confirm>
  )
}
