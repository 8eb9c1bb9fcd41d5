import { Button, Group, Modal, Radio, TextInput } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { z } from 'zod'
import { stopReason } from '../../../../api/contract/holds.ts'
import { messageOf } from '../../client/request.ts'
import { holdsQuery, stop } from '../../client/stops.ts'
import { Problem } from '../../components/feedback/Problem.tsx'
import styles from './StopDialog.module.css'
import type { Stop } from './stops.ts'

const way = z.enum(['stop', 'hold'])
type Way = z.output<typeof way>

interface Props {
  /** Null: the dialog is closed. */
  asked: Stop | null
  /** Chosen when it opens. */
  first?: Way
  onClose: () => void
}

/** Asks how to stop something: so that its owner may go on, or so that nobody may. */
export const StopDialog = ({ asked, first = 'stop', onClose }: Props) => (
  <Modal opened={asked !== null} onClose={onClose} title={asked?.title ?? ''}>
    {asked && <StopForm asked={asked} first={first} onClose={onClose} />}
  </Modal>
)

/** Longer than 60 lines because it is one form: two ways, a reason and what each way means. */
const StopForm = ({ asked, first, onClose }: { asked: Stop; first: Way; onClose: () => void }) => {
  const queries = useQueryClient()
  const [chosen, setChosen] = useState<Way>(first)
  const [typed, setTyped] = useState('')
  const [problem, setProblem] = useState<string | null>(null)
  const isHold = chosen === 'hold'
  const kill = useMutation({
    mutationFn: stop,
    onSuccess: () => {
      notifications.show({ message: isHold ? 'On hold. Recorded in the log.' : 'Stopped. Recorded in the log.' })
      onClose()
      void queries.invalidateQueries({ queryKey: ['prototypes'] })
      void queries.invalidateQueries({ queryKey: holdsQuery.queryKey })
    },
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    const reason = stopReason.safeParse(typed)
    if (!reason.success && (isHold || typed.trim() !== '')) {
      setProblem(reason.error.issues[0]?.message ?? null)
      return
    }
    kill.mutate({ ...asked.order, hold: isHold, ...(reason.success ? { reason: reason.data } : {}) })
  }
  return (
    <form className={styles.form} onSubmit={submit} noValidate>
      <p>{asked.happens}</p>
      <Radio.Group aria-label="How" value={chosen} onChange={(value) => setChosen(way.parse(value))}>
        <div className={styles.ways}>
          <Radio value="stop" label="Stop" description={asked.after} />
          <Radio
            value="hold"
            label="Stop and hold"
            description="Nobody can start or delete it until security or an admin releases it."
          />
        </div>
      </Radio.Group>
      <TextInput
        label={isHold ? 'Reason' : 'Reason (optional)'}
        description="The people whose work it is read this, with your name."
        maxLength={300}
        data-autofocus={first === 'hold' || undefined}
        value={typed}
        error={problem}
        onChange={(event) => {
          setTyped(event.currentTarget.value)
          setProblem(null)
        }}
      />
      <Problem>{kill.error ? messageOf(kill.error) : null}</Problem>
      <Group justify="flex-end">
        {/* Enter right after it opened must stop nothing. */}
        <Button variant="default" data-autofocus={first === 'stop' || undefined} onClick={onClose}>
          Cancel
        </Button>
        <Button type="submit" color="red" loading={kill.isPending}>
          {isHold ? asked.actions.hold : asked.actions.stop}
        </Button>
      </Group>
    </form>
  )
}
