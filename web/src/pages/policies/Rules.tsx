import type { RuleInForce } from '../../../../api/contract/policy.ts'
import { Scrolling } from '../../components/Scrolling.tsx'
import { Tag } from '../../components/Tag.tsx'
import styles from './Policies.module.css'

/** A tls rule always lets through what is not seen: inspection of tunnels is not there yet, and the rule had to say so. */
const isOpaque = (rule: RuleInForce) => rule.protocol === 'tls'

export const Rules = ({ rules }: { rules: RuleInForce[] }) => {
  if (rules.length === 0) return <p className={styles.quiet}>No host can be reached.</p>
  return (
    <Scrolling className={styles.scroll ?? ''} label="Allowed hosts">
      <table className={styles.rules}>
        <thead>
          <tr>
            <th scope="col">Host</th>
            <th scope="col">Ports</th>
            <th scope="col">What is checked</th>
            <th scope="col">Rule</th>
          </tr>
        </thead>
        <tbody>
          {rules.map((rule) => (
            <tr key={rule.id}>
              <td>
                <code>{rule.host}</code>
                {rule.expires && <Tag>until {rule.expires}</Tag>}
                {rule.addresses.length > 0 && <small>may resolve into {rule.addresses.join(', ')}</small>}
              </td>
              <td>{rule.ports.join(', ')}</td>
              <td>
                {isOpaque(rule) ? (
                  <Tag tone="marigold">Host only: contents not inspected</Tag>
                ) : (
                  <>
                    {rule.methods?.join(', ') ?? 'Every method'}
                    <small>{rule.paths?.join(', ') ?? 'every path'}</small>
                  </>
                )}
              </td>
              <td>
                <small>{rule.id}</small>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scrolling>
  )
}
