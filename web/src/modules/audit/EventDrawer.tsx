import { Drawer } from '@mantine/core'
import type { AuditView } from '../../../../api/contract/audit.ts'
import { Tag } from '../../components/Tag.tsx'
import styles from './EventDrawer.module.css'
import { reasonWords } from './reasons.ts'
import { decisionWords, isProof, sentence } from './words.ts'

const exact = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' })

const shown = (value: unknown): string =>
  typeof value === 'string' ? value : value === null ? '–' : JSON.stringify(value, null, 2)

/** Everything that the log holds on one event. */
export const EventDrawer = ({ event, onClose }: { event: AuditView | null; onClose: () => void }) => (
  <Drawer opened={event !== null} onClose={onClose} position="right" size={520} title="Event">
    {event && (
      <div className={styles.event}>
        <p className={styles.sentence}>
          <code>{sentence(event)}</code>
        </p>
        <p>
          <Tag tone={decisionWords[event.decision].tone}>{decisionWords[event.decision].title}</Tag>{' '}
          {reasonWords(event.reason)}
        </p>
        {isProof(event) && (
          <p>Backlot tried this itself, to prove the limits before anybody could work in the sandbox.</p>
        )}
        <Facts
          title="Where it stands"
          facts={{
            When: exact.format(event.at),
            Person: event.names.person ?? event.person,
            Prototype: event.names.prototype ?? event.prototype,
            Kind: event.kind,
            Reason: event.reason,
            Rule: event.rule,
            Policy: event.policy ? `${event.policy.name} v${event.policy.version}` : null,
          }}
        />
        <Facts title="What was recorded" facts={event.detail} />
        <Facts
          title="In the log"
          facts={{
            Place: event.seq,
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

const Facts = ({ title, facts }: { title: string; facts: Record<string, unknown> }) => (
  <section>
    <h3>{title}</h3>
    <dl className={styles.facts}>
      {Object.entries(facts)
        .filter(([, value]) => value !== null)
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{shown(value)}</dd>
          </div>
        ))}
    </dl>
  </section>
)
