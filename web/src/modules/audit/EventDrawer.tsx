import { Drawer } from '@mantine/core'
import type { AuditView } from '../../../../api/contract/audit.ts'
import type { PolicyRef } from '../../../../api/contract/in-force.ts'
import { Tag } from '../../components/Tag.tsx'
import styles from './EventDrawer.module.css'
import { countOf, isProof, sentence, verdictOf } from './words.ts'

const exact = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' })

const shown = (value: unknown): string =>
  typeof value === 'string' ? value : value === null ? '–' : JSON.stringify(value, null, 2)

/** A count as people read it: how often, and when for the first and the last time. */
const detailsOf = (event: AuditView): Record<string, unknown> => {
  const counted = countOf(event)
  if (!counted) return event.detail
  const { folded: _, ...rest } = event.detail
  return {
    ...rest,
    'How often': counted.times.toLocaleString('en'),
    'First time': exact.format(counted.firstAt),
    'Last time': exact.format(counted.lastAt),
  }
}

/** Everything that the log holds on one event. */
export const EventDrawer = ({ event, onClose }: { event: AuditView | null; onClose: () => void }) => (
  <Drawer
    opened={event !== null}
    onClose={onClose}
    position="right"
    size={520}
    title={event ? `Log entry ${event.seq}` : 'Log entry'}
  >
    {event && (
      <div className={styles.event}>
        <p className={styles.sentence}>
          <code>{sentence(event)}</code>
        </p>
        <Verdict event={event} />
        {isProof(event) && (
          <p>Backlot tried this itself to prove the limits, before anybody could work in the sandbox.</p>
        )}
        <Facts
          title="Context"
          facts={{
            When: exact.format(event.at),
            Person: event.names.person ?? event.person,
            Prototype: event.names.prototype ?? event.prototype,
            Kind: event.kind,
            'Reason code': event.reason,
            Rule: event.rule,
            Policy: event.policy && policyWords(event.policy),
          }}
        />
        <Facts title="Details" facts={detailsOf(event)} />
        <Facts
          title="Identifiers"
          facts={{
            Event: event.id,
            Actor: `${event.actor.type} ${event.actor.id}`,
            Sandbox: event.sandbox,
            Correlation: event.correlation,
          }}
        />
      </div>
    )}
  </Drawer>
)

const policyWords = ({ name, version, container }: PolicyRef) =>
  `${name} v${version}${container === undefined ? '' : `, in a container of v${container}`}`

const Verdict = ({ event }: { event: AuditView }) => {
  const { mark, why } = verdictOf(event)
  return (
    <p>
      {mark && <Tag tone={mark.tone}>{mark.title}</Tag>} {why}
    </p>
  )
}

const Facts = ({ title, facts }: { title: string; facts: Record<string, unknown> }) => (
  <section>
    <h3>{title}</h3>
    <dl className={styles.facts}>
      {Object.entries(facts)
        .filter(([, value]) => value !== null && value !== '')
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{shown(value)}</dd>
          </div>
        ))}
    </dl>
  </section>
)
