import { Button, Group, Modal, Radio, Textarea, TextInput } from '@mantine/core'
import type { FormEvent } from 'react'
import { dataLabel } from '../../../../api/contract/prototypes.ts'
import { messageOf } from '../../client/request.ts'
import { Problem } from '../../components/feedback/Problem.tsx'
import { labelWords } from '../../modules/sandbox/words.ts'
import { PolicyChoice } from './PolicyChoice.tsx'
import styles from './Prototypes.module.css'
import { useCreate } from './use-create.ts'

export const CreateDialog = ({ opened, onClose }: { opened: boolean; onClose: () => void }) => (
  <Modal opened={opened} onClose={onClose} title="New prototype" size="lg">
    <CreateForm onClose={onClose} />
  </Modal>
)

const CreateForm = ({ onClose }: { onClose: () => void }) => {
  const { typed, set, problem, error, pending, ...create } = useCreate(onClose)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    create.submit()
  }
  return (
    <form className={styles.form} onSubmit={submit} noValidate>
      <Problem>{error && messageOf(error)}</Problem>
      <TextInput
        label="Title"
        placeholder="Refunds in one tap"
        data-autofocus
        maxLength={120}
        value={typed.title}
        error={problem}
        onChange={(event) => set({ title: event.currentTarget.value })}
      />
      <Textarea
        label="What do you want to find out?"
        description="Optional. It helps you decide later."
        placeholder="If a refund takes one tap, fewer people will call us."
        autosize
        minRows={2}
        maxRows={6}
        maxLength={2000}
        value={typed.hypothesis}
        onChange={(event) => set({ hypothesis: event.currentTarget.value })}
      />
      <LabelChoice value={typed.label} onChange={(label) => set({ label })} />
      <PolicyChoice value={typed.policy} onChange={(policy) => set({ policy })} />
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}>
          Cancel
        </Button>
        <Button type="submit" loading={pending}>
          Create prototype
        </Button>
      </Group>
    </form>
  )
}

const LabelChoice = ({ value, onChange }: { value: string; onChange: (label: string) => void }) => (
  <Radio.Group
    label="What data will you use?"
    description="Choose the label of the most sensitive data."
    value={value}
    onChange={onChange}
  >
    <div className={styles.labels}>
      {dataLabel.options.map((option) => (
        <Radio key={option} value={option} label={labelWords[option].title} description={labelWords[option].means} />
      ))}
    </div>
  </Radio.Group>
)
