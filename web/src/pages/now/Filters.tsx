import { NativeSelect, TextInput } from '@mantine/core'
import { IconSearch } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { z } from 'zod'
import type { AuditSubjects } from '../../../../api/contract/audit.ts'
import { subjectsQuery } from '../../client/audit.ts'
import { type Filter, kindGroups, type Span, spans } from '../../modules/audit/filter.ts'
import styles from './Now.module.css'

interface Props {
  filter: Filter
  onChange: (filter: Filter) => void
}

const span = z.enum(['', 'hour', 'day', 'week', 'month', 'between']) satisfies z.ZodType<Span>

const prototypeName = ({ title, owner, removed }: AuditSubjects['prototypes'][number]) =>
  `${title} (${owner}${removed ? ', deleted' : ''})`

/** What to look for in the whole log; people and prototypes come from the server. */
export const Filters = ({ filter, onChange }: Props) => {
  const { data } = useQuery(subjectsQuery)
  const set = (change: Partial<Filter>) => onChange({ ...filter, ...change })
  const people = (data?.people ?? []).map(({ id, name }) => ({ value: id, label: name }))
  const prototypes = (data?.prototypes ?? []).map((one) => ({ value: one.id, label: prototypeName(one) }))
  return (
    <search className={styles.filters}>
      <TextInput
        className={styles.text ?? ''}
        aria-label="Text"
        placeholder="Search the log"
        leftSection={<IconSearch size={16} />}
        maxLength={200}
        value={filter.text}
        onChange={(event) => set({ text: event.currentTarget.value })}
      />
      <NativeSelect
        aria-label="Kind"
        data={[
          { value: '', label: 'Any kind' },
          ...Object.entries(kindGroups).map(([value, label]) => ({ value, label })),
        ]}
        value={filter.group}
        onChange={(event) => set({ group: event.currentTarget.value })}
      />
      <NativeSelect
        aria-label="Person"
        data={[{ value: '', label: 'Any person' }, ...people]}
        value={filter.person}
        onChange={(event) => set({ person: event.currentTarget.value })}
      />
      <NativeSelect
        aria-label="Prototype"
        data={[{ value: '', label: 'Any prototype' }, ...prototypes]}
        value={filter.prototype}
        onChange={(event) => set({ prototype: event.currentTarget.value })}
      />
      <NativeSelect
        aria-label="Time"
        data={span.options.map((value) => ({ value, label: spans[value].title }))}
        value={filter.span}
        onChange={(event) => set({ span: span.parse(event.currentTarget.value) })}
      />
      {filter.span === 'between' && <Between filter={filter} onChange={set} />}
    </search>
  )
}

const Between = ({ filter, onChange }: { filter: Filter; onChange: (change: Partial<Filter>) => void }) => (
  <>
    <TextInput
      type="datetime-local"
      label="From"
      value={filter.from}
      onChange={(event) => onChange({ from: event.currentTarget.value })}
    />
    <TextInput
      type="datetime-local"
      label="To"
      value={filter.to}
      onChange={(event) => onChange({ to: event.currentTarget.value })}
    />
  </>
)
