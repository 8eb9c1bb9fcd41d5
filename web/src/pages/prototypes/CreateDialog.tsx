import { Button, Group, Modal, Radio, Textarea, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { type FormEvent, useRef, useState } from 'react'
import { DEFAULT_POLICY, dataLabel, prototypeCreate } from '../../../../api/contract/prototypes.ts'
import { createPrototype, prototypeQuery, prototypesQuery } from '../../client/prototypes.ts'
import { messageOf } from '../../client/request.ts'
import { Problem } from '../../components/feedback/Problem.tsx'
import { labelWords } from '../../modules/sandbox/words.ts'
import { PolicyChoice } from './PolicyChoice.tsx'
import styles from './Prototypes.module.css'

export const CreateDialog = ({ opened, onClose }: { opened: boolean; onClose: () => void }) => (
  <Modal opened={opened} onClose={onClose} title="New prototype" size="lg">
    <CreateForm onClose={onClose} />
  </Modal>
)

const CreateForm = ({ onClose }: { onClose: () => void }) => {
  const queries = useQueryClient()
  const navigate = useNavigate()
  const key = useRef(crypto.randomUUID())
  const [title, setTitle] = useState('')
  const [hypothesis, setHypothesis] = useState('')
  const [label, setLabel] = useState('internal')
  const [policy, setPolicy] = useState(DEFAULT_POLICY)
  const [problem, setProblem] = useState<string | null>(null)
  const create = useMutation({
    mutationFn: (body: Parameters<typeof createPrototype>[0]) => createPrototype(body, key.current),
    onSuccess: (made) => {
      queries.setQueryData(prototypeQuery(made.id).queryKey, made)
      void queries.invalidateQueries({ queryKey: prototypesQuery.queryKey })
      onClose()
      void navigate({ to: '/prototypes/$id', params: { id: made.id } })
    },
    // Another try with other words is another request.
    onError: () => {
      key.current = crypto.randomUUID()
    },
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    const body = prototypeCreate.safeParse({ title, hypothesis, label, policy })
    if (!body.success) return setProblem(body.error.issues[0]?.message ?? 'Check what you entered.')
    setProblem(null)
    create.mutate(body.data)
  }
  return (
    <form className={styles.form} onSubmit={submit} noValidate>
      <Problem>{create.isError && messageOf(create.error)}</Problem>
      <TextInput
        label="Title"
        placeholder="Refunds in one tap"
        data-autofocus
        maxLength={120}
        value={title}
        error={problem}
        onChange={(event) => setTitle(event.currentTarget.value)}
      />
      <Textarea
        label="What do you want to find out?"
        description="Optional. It helps you decide later."
        placeholder="If a refund takes one tap, fewer people will call us."
        autosize
        minRows={2}
        maxRows={6}
        maxLength={2000}
        value={hypothesis}
        onChange={(event) => setHypothesis(event.currentTarget.value)}
      />
      <Radio.Group
        label="What data will you use?"
        description="Choose the label of the most sensitive data."
        value={label}
        onChange={setLabel}
      >
        <div className={styles.labels}>
          {dataLabel.options.map((option) => (
            <Radio
              key={option}
              value={option}
              label={labelWords[option].title}
              description={labelWords[option].means}
            />
          ))}
        </div>
      </Radio.Group>
      <PolicyChoice value={policy} onChange={setPolicy} />
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}>
          Cancel
        </Button>
        <Button type="submit" loading={create.isPending}>
          Create prototype
        </Button>
      </Group>
    </form>
  )
}
