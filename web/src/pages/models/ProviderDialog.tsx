import { Button, Group, Modal, PasswordInput, Radio, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { slug } from '../../../../api/contract/ids.ts'
import { type Provider, providerSave } from '../../../../api/contract/models.ts'
import { modelsQuery, saveProvider } from '../../client/models.ts'
import { messageOf } from '../../client/request.ts'
import { Problem } from '../../components/feedback/Problem.tsx'
import styles from './Models.module.css'

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

const ProviderForm = ({ provider, onClose }: { provider: Provider | null; onClose: () => void }) => {
  const queries = useQueryClient()
  const [id, setId] = useState(provider?.id ?? '')
  const [kind, setKind] = useState(provider?.kind ?? 'openai')
  const [baseUrl, setBaseUrl] = useState(provider?.baseUrl ?? '')
  const [place, setPlace] = useState<string>(provider?.place ?? 'cloud')
  const [key, setKey] = useState('')
  const [tried, setTried] = useState(false)
  const save = useMutation({
    mutationFn: (body: Parameters<typeof saveProvider>[1]) => saveProvider(id, body),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: modelsQuery.queryKey })
      onClose()
    },
  })
  const body = providerSave.safeParse({
    kind,
    baseUrl: baseUrl.trim().replace(/\/(?:v1)?\/?$/, ''),
    place,
    ...(key === '' ? {} : { key }),
  })
  const wrong = (field: string) => tried && !body.success && body.error.issues.some((issue) => issue.path[0] === field)
  const named = slug.safeParse(id).success
  const submit = (event: FormEvent) => {
    event.preventDefault()
    setTried(true)
    if (named && body.success) save.mutate(body.data)
  }
  return (
    <form className={styles.form} onSubmit={submit} noValidate autoComplete="off">
      <Problem>{save.isError && messageOf(save.error)}</Problem>
      <TextInput
        label="Name"
        description="Lower-case letters, digits and dashes, such as anthropic or ollama."
        data-autofocus
        disabled={provider !== null}
        value={id}
        error={tried && !named && 'Use lower-case letters, digits and dashes.'}
        onChange={(event) => setId(event.currentTarget.value)}
      />
      <Radio.Group
        label="API format"
        value={kind}
        onChange={(value) => setKind(value === 'anthropic' ? value : 'openai')}
      >
        <Group mt={6} gap="lg">
          <Radio value="openai" label="OpenAI (also Ollama, llama.cpp, vLLM)" />
          <Radio value="anthropic" label="Anthropic" />
        </Group>
      </Radio.Group>
      <TextInput
        label="Address"
        description="Base URL, without /v1"
        placeholder={kind === 'openai' ? 'http://127.0.0.1:11434' : 'https://api.anthropic.com'}
        value={baseUrl}
        error={wrong('baseUrl') && 'Enter an address that begins with http:// or https://.'}
        onChange={(event) => setBaseUrl(event.currentTarget.value)}
      />
      <PasswordInput
        label="API key"
        description={
          provider?.hasKey ? 'Leave empty to keep the stored key.' : 'Stored encrypted and never shown again.'
        }
        autoComplete="off"
        value={key}
        onChange={(event) => setKey(event.currentTarget.value)}
      />
      <Radio.Group label="Where it runs" value={place} onChange={setPlace}>
        <Group mt={6} gap="lg">
          <Radio value="cloud" label="In the cloud" />
          <Radio value="local" label="On our own machines" />
        </Group>
      </Radio.Group>
      <Group justify="flex-end" mt="xs">
        <Button variant="default" onClick={onClose}>
          Cancel
        </Button>
        <Button type="submit" loading={save.isPending}>
          Save provider
        </Button>
      </Group>
    </form>
  )
}
