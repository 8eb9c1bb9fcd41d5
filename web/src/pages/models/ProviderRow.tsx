import { Button } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Provider } from '../../../../api/contract/models.ts'
import { modelsQuery, removeProvider, testProvider } from '../../client/models.ts'
import { messageOf } from '../../client/request.ts'
import { Confirm } from '../../components/feedback/Confirm.tsx'
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
  const found = test.data?.models.length ?? 0
  return (
    <li>
      <div className={styles.what}>
        <p>
          {provider.id}
          <Tag>{provider.place === 'local' ? 'Own machines' : 'Cloud'}</Tag>
          {!provider.hasKey && <Tag>No key</Tag>}
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
      {test.isError && (
        <p className={styles.result} data-ok={false} role="status">
          {messageOf(test.error)}
        </p>
      )}
      {test.data && (
        <p className={styles.result} data-ok={test.data.ok} role="status">
          {test.data.message}
          {found > 0 &&
            ` Models: ${test.data.models.slice(0, 8).join(', ')}${found > 8 ? ` and ${found - 8} more` : ''}.`}
        </p>
      )}
      <Confirm
        opened={removing}
        title={`Remove ${provider.id}?`}
        action="Remove provider"
        pending={remove.isPending}
        error={remove.error}
        onClose={() => setRemoving(false)}
        onConfirm={() => remove.mutate()}
      >
        <p>Its key is destroyed. Prototypes that use its models cannot call them any more, from the next call on.</p>
      </Confirm>
    </li>
  )
}
