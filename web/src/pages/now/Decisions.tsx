import { SegmentedControl } from '@mantine/core'
import { z } from 'zod'
import { decision } from '../../../../api/contract/audit.ts'
import type { Filter } from '../../modules/audit/filter.ts'
import { decisionWords } from '../../modules/audit/words.ts'

const chosen = z.enum(['all', ...decision.options])
const choices = [
  { value: 'all', label: 'All' },
  ...decision.options.map((value) => ({ value, label: decisionWords[value].title })),
]

export const Decisions = ({ filter, onChange }: { filter: Filter; onChange: (filter: Filter) => void }) => (
  <SegmentedControl
    aria-label="Decision"
    data={choices}
    value={filter.decision}
    onChange={(value) => onChange({ ...filter, decision: chosen.parse(value) })}
  />
)
