import type { AuditView, Decision } from '../../../../api/contract/audit.ts'
import { groupOf, isProof, sentence } from './words.ts'

export interface Filter {
  decision: Decision | 'all'
  group: string
  person: string
  prototype: string
  text: string
}
export const everything: Filter = { decision: 'all', group: '', person: '', prototype: '', text: '' }

export const isFiltered = (filter: Filter): boolean =>
  filter.decision !== 'all' || [filter.group, filter.person, filter.prototype, filter.text].some((part) => part !== '')

/** Whether an event is among those that are asked for; text is sought in what the row shows. */
export const matches = (event: AuditView, filter: Filter): boolean => {
  if (filter.decision !== 'all' && (event.decision !== filter.decision || isProof(event))) return false
  if (filter.group !== '' && groupOf(event.kind) !== filter.group) return false
  if (filter.person !== '' && event.person !== filter.person) return false
  if (filter.prototype !== '' && event.prototype !== filter.prototype) return false
  if (filter.text === '') return true
  const shown = [sentence(event), event.kind, event.reason, event.rule, event.names.person, event.names.prototype]
  return shown.join('\n').toLowerCase().includes(filter.text.toLowerCase())
}
