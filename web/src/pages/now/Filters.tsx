import { NativeSelect, TextInput } from '@mantine/core'
import { IconSearch } from '@tabler/icons-react'
import type { AuditView } from '../../../../api/contract/audit.ts'
import type { Filter } from '../../modules/audit/filter.ts'
import { kindGroups } from '../../modules/audit/words.ts'
import styles from './Now.module.css'

interface Props {
  filter: Filter
  /** Whoever is in them can be chosen. */
  events: readonly AuditView[]
  onChange: (filter: Filter) => void
}

const namesIn = (events: readonly AuditView[], of: 'person' | 'prototype') => {
  const names = new Map<string, string>()
  for (const event of events) {
    const id = event[of]
    if (id) names.set(id, event.names[of] ?? id)
  }
  return [...names].map(([value, label]) => ({ value, label })).sort((a, b) => a.label.localeCompare(b.label))
}

export const Filters = ({ filter, events, onChange }: Props) => (
  <search className={styles.filters}>
    <TextInput
      className={styles.text ?? ''}
      aria-label="Text"
      placeholder="Host, model, command…"
      leftSection={<IconSearch size={16} />}
      value={filter.text}
      onChange={(event) => onChange({ ...filter, text: event.currentTarget.value })}
    />
    <NativeSelect
      aria-label="Kind"
      data={[
        { value: '', label: 'Every kind' },
        ...Object.entries(kindGroups).map(([value, label]) => ({ value, label })),
      ]}
      value={filter.group}
      onChange={(event) => onChange({ ...filter, group: event.currentTarget.value })}
    />
    <NativeSelect
      aria-label="Person"
      data={[{ value: '', label: 'Everybody' }, ...namesIn(events, 'person')]}
      value={filter.person}
      onChange={(event) => onChange({ ...filter, person: event.currentTarget.value })}
    />
    <NativeSelect
      aria-label="Prototype"
      data={[{ value: '', label: 'Every prototype' }, ...namesIn(events, 'prototype')]}
      value={filter.prototype}
      onChange={(event) => onChange({ ...filter, prototype: event.currentTarget.value })}
    />
  </search>
)
