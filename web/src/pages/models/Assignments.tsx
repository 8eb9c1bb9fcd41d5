import { Autocomplete, Button, NativeSelect } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { z } from 'zod'
import type { Assignment, modelsView, Provider } from '../../../../api/contract/models.ts'
import { assignModel, modelsQuery, testProvider } from '../../client/models.ts'
import { messageOf } from '../../client/request.ts'
import { Problem } from '../../components/feedback/Problem.tsx'
import { Rows } from '../../components/Rows.tsx'
import styles from './Models.module.css'

const slots = [
  { slot: 'cloud', title: 'Cloud model', labels: 'For public and internal data, unless a policy says otherwise.' },
  { slot: 'local', title: 'Local model', labels: 'For confidential data.' },
] as const

export const Assignments = ({ providers, assignments }: { providers: Provider[]; assignments: Assignment[] }) => (
  <Rows>
    {slots.map(({ slot, title, labels }) => {
      const now = assignments.find((one) => one.slot === slot)
      return (
        <li key={`${slot} ${now?.provider} ${now?.model}`}>
          <div className={styles.slot}>
            <strong>{title}</strong>
            <small>{labels}</small>
          </div>
          <Choice slot={slot} now={now} providers={providers.filter((provider) => provider.place === slot)} />
        </li>
      )
    })}
  </Rows>
)

interface ChoiceProps {
  slot: Assignment['slot']
  now: Assignment | undefined
  providers: Provider[]
}

const Choice = ({ slot, now, providers }: ChoiceProps) => {
  const queries = useQueryClient()
  const [picked, setPicked] = useState<string | null>(null)
  const provider = picked ?? now?.provider ?? providers[0]?.id ?? ''
  const [model, setModel] = useState(now?.model ?? '')
  const known = useQuery({
    queryKey: ['models', provider, 'names'],
    queryFn: () => testProvider(provider),
    enabled: provider !== '',
    staleTime: 300_000,
  })
  const done = {
    onSuccess: (view: z.output<typeof modelsView>) => queries.setQueryData(modelsQuery.queryKey, view),
  }
  const assign = useMutation({ mutationFn: () => assignModel(slot, { provider, model: model.trim() }), ...done })
  const clear = useMutation({ mutationFn: () => assignModel(slot, { provider: null, model: null }), ...done })
  if (providers.length === 0 && !now) {
    return (
      <p className={styles.result}>
        {slot === 'cloud'
          ? 'The demo model, until you add a cloud provider.'
          : 'None, until you add a provider that runs on your own machines.'}
      </p>
    )
  }
  const error = assign.error ?? clear.error
  const changed = provider !== now?.provider || model.trim() !== now?.model
  return (
    <div className={styles.choose}>
      <NativeSelect
        label="Provider"
        data={[...new Set([...(now ? [now.provider] : []), ...providers.map((one) => one.id)])]}
        value={provider}
        onChange={(event) => setPicked(event.currentTarget.value)}
      />
      <Autocomplete
        label="Model"
        placeholder="Model name"
        data={[...new Set(known.data?.models ?? [])]}
        limit={30}
        value={model}
        onChange={setModel}
      />
      <Button disabled={!changed || model.trim() === ''} loading={assign.isPending} onClick={() => assign.mutate()}>
        Use this model
      </Button>
      {now && (
        <Button variant="default" loading={clear.isPending} onClick={() => clear.mutate()}>
          Clear
        </Button>
      )}
      {error && (
        <div className={styles.problem}>
          <Problem>{messageOf(error)}</Problem>
        </div>
      )}
    </div>
  )
}
