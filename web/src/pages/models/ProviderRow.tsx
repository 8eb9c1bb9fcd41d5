import { Button } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { z } from 'zod'
import type { Provider, providerTest } from '../../../../api/contract/models.ts'
import { modelsQuery, removeProvider, testProvider } from '../../client/models.ts'
import { messageOf } from '../../client/request.ts'
import { Confirm } from '../../components/feedback/Confirm.tsx'
import { Explained } from '../../components/feedback/Explained.tsx'
import { Tag } from '../../components/Tag.tsx'
import styles from './Models.module.css'

export const ProviderRow = ({ provider, onEdit }: { provider: Provider; onEdit: () => void }) => {
  const queries = useQueryClient()
  const [removing, setRemoving] = useState(false)
  const test = useMutation({ mutationFn: () => testProvider(provider.id) })
  const remove = useMutation({
    mutationFn: () => removeProvider(provider.id),
    onSuccess: () => {
      setRemoving(false)
      void queries.invalidateQueries({ queryKey: modelsQuery.queryKey })
    },
  })
  return (
    <li>
      <div className={styles.what}>
        <p>
          {provider.id}
          <Tag>{provider.place === 'local' ? 'Local' : 'Cloud'}</Tag>
          {provider.unsafeLocal && <Tag>Public address accepted</Tag>}
          {!provider.hasKey && <Tag>No API key</Tag>}
        </p>
        <small>
          {provider.kind === 'openai' ? 'OpenAI format' : 'Anthropic format'} at {provider.baseUrl}
        </small>
      </div>
      <div className={styles.buttons}>
        <Button variant="default" size="sm" loading={test.isPending} onClick={() => test.mutate()}>
          Test
        </Button>
        <Button variant="default" size="sm" onClick={onEdit}>
          Edit
        </Button>
        <Button variant="subtle" color="red" size="sm" onClick={() => setRemoving(true)}>
          Remove
        </Button>
      </div>
      {test.isError && <TestResult ok={false} message={messageOf(test.error)} models={[]} />}
      {test.data && <TestResult {...test.data} />}
      <Confirm
        opened={removing}
        title={`Remove ${provider.id}?`}
        action="Remove provider"
        pending={remove.isPending}
        error={remove.error}
        onClose={() => setRemoving(false)}
        onConfirm={() => remove.mutate()}
      >
        <p>Its API key is deleted. Prototypes can no longer call its models, starting with the next call.</p>
      </Confirm>
    </li>
  )
}

const SHOWN = 8

const TestResult = ({ ok, message, models }: z.output<typeof providerTest>) => {
  const more = models.length > SHOWN ? ` and ${models.length - SHOWN} more` : ''
  return (
    <div className={styles.result} data-ok={ok} role="status">
      <Explained>{message}</Explained>
      {models.length > 0 && ` Models: ${models.slice(0, SHOWN).join(', ')}${more}.`}
    </div>
  )
}
