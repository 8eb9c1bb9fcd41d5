import { Button, Checkbox, Group, Modal, PasswordInput, Radio, TextInput } from '@mantine/core'
import type { FormEvent } from 'react'
import type { Provider } from '../../../../api/contract/models.ts'
import { messageOf } from '../../client/request.ts'
import { Problem } from '../../components/feedback/Problem.tsx'
import styles from './Models.module.css'
import { useProvider } from './use-provider.ts'

export const ProviderDialog = ({ edited, onClose }: { edited: Provider | 'new' | null; onClose: () => void }) => (
  <Modal
    opened={edited !== null}
    onClose={onClose}
    title={edited === 'new' ? 'Add a provider' : 'Edit provider'}
    size="lg"
  >
    {edited && <ProviderForm provider={edited === 'new' ? null : edited} onClose={onClose} />}
  </Modal>
)

const formats = { openai: 'OpenAI (also Ollama, llama.cpp, vLLM)', anthropic: 'Anthropic' }
const places = { cloud: 'In the cloud', local: 'On our own machines' }

const ProviderForm = ({ provider, onClose }: { provider: Provider | null; onClose: () => void }) => {
  const { typed, set, isWrong, error, pending, ...save } = useProvider(provider, onClose)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    save.submit()
  }
  return (
    <form className={styles.form} onSubmit={submit} noValidate autoComplete="off">
      <Problem>{error && messageOf(error)}</Problem>
      <TextInput
        label="Name"
        description="Lower-case letters, digits and dashes, such as anthropic or ollama."
        data-autofocus
        disabled={provider !== null}
        value={typed.id}
        error={isWrong.id && 'Use lower-case letters, digits and dashes.'}
        onChange={(event) => set({ id: event.currentTarget.value })}
      />
      <Choice label="API format" data={formats} value={typed.kind} onChange={(kind) => set({ kind })} />
      <TextInput
        label="Address"
        description="Base URL, without /v1"
        placeholder={typed.kind === 'openai' ? 'http://127.0.0.1:11434' : 'https://api.anthropic.com'}
        value={typed.baseUrl}
        error={isWrong.baseUrl && 'Enter an address that begins with http:// or https://.'}
        onChange={(event) => set({ baseUrl: event.currentTarget.value })}
      />
      <PasswordInput
        label="API key"
        description={
          provider?.hasKey ? 'Leave empty to keep the stored key.' : 'Stored encrypted and never shown again.'
        }
        autoComplete="off"
        value={typed.key}
        onChange={(event) => set({ key: event.currentTarget.value })}
      />
      <Choice label="Where it runs" data={places} value={typed.place} onChange={(place) => set({ place })} />
      {typed.place === 'local' && (
        <Checkbox
          label="Accept a public address"
          description="Unsafe. Backlot sends to addresses of private networks only, because confidential prototypes use local models. With this, nobody checks whose machine it is."
          checked={typed.unsafeLocal}
          onChange={(event) => set({ unsafeLocal: event.currentTarget.checked })}
        />
      )}
      <Group justify="flex-end" mt="xs">
        <Button variant="default" onClick={onClose}>
          Cancel
        </Button>
        <Button type="submit" loading={pending}>
          Save provider
        </Button>
      </Group>
    </form>
  )
}

interface ChoiceProps {
  label: string
  data: Record<string, string>
  value: string
  onChange: (value: string) => void
}

const Choice = ({ label, data, value, onChange }: ChoiceProps) => (
  <Radio.Group label={label} value={value} onChange={onChange}>
    <Group mt={6} gap="lg">
      {Object.entries(data).map(([one, words]) => (
        <Radio key={one} value={one} label={words} />
      ))}
    </Group>
  </Radio.Group>
)
