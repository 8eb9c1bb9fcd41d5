import type { AuditView } from '../../../../api/contract/audit.ts'
import {
  allowed,
  bidiEvent,
  countedEvent,
  countedManyEvent,
  denied,
  longEvent,
  modelCall,
  proofEvent,
  queryEvent,
  some,
} from '../../../gallery/data/audit.ts'
import type { State, States } from '../../../gallery/state.ts'
import { EventRow } from './EventRow.tsx'

const rows = (events: AuditView[], shows: string): State => ({
  shows,
  show: () => (
    <ol>
      {events.map((event) => (
        <EventRow key={event.seq} event={event} onOpen={() => {}} />
      ))}
    </ol>
  ),
})

export const states: States = {
  allowed: rows([allowed], 'packages.example.com'),
  denied: rows([denied], 'paste.example.net'),
  counted: rows([countedEvent, countedManyEvent], '4,812 times in 60 s'),
  'with a query': rows([queryEvent], 'access_token=[masked]'),
  'model call': rows([modelCall], 'a-large-model'),
  'of the proof': rows([proofEvent], 'metadata.example'),
  'very long': rows([longEvent], 'long-label.long-label'),
  bidi: rows([bidiEvent], 'תשלום'),
  many: rows(some, 'paste.example.net'),
}
