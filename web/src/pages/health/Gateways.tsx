import { IconCircleCheck, IconCircleX } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import type { GatewayState } from '../../../../api/contract/health.ts'
import { gatewaysQuery } from '../../client/health.ts'
import { Bones, Ready } from '../../components/feedback/Waiting.tsx'
import { Section } from '../../components/Page.tsx'
import { Rows } from '../../components/Rows.tsx'
import styles from './Health.module.css'

const sandboxes = (count: number) => (count === 1 ? '1 sandbox' : `${count} sandboxes`)

const Gateway = ({ name, trouble, running, all }: GatewayState) => {
  const Icon = trouble === null ? IconCircleCheck : IconCircleX
  return (
    <li>
      <div className={styles.check} data-status={trouble === null ? 'ok' : 'refused'}>
        <Icon size={20} aria-label={trouble === null ? 'OK' : 'does not work now'} />
        <div>
          <p>{name}</p>
          <small>{`${sandboxes(all)}, ${running} of them in use`}</small>
          {trouble && <p className={styles.fix}>{trouble}</p>}
        </div>
      </div>
    </li>
  )
}

/** The programs that sandboxes talk to, and which of them does its work. */
export const Gateways = () => (
  <Section title="Gateways" intro="Each serves sandboxes of its own. When one has trouble, the others go on.">
    <Ready query={useQuery(gatewaysQuery)} bones={<Bones rows={2} />}>
      {({ items }) => (
        <Rows>
          {items.map((gateway) => (
            <Gateway key={gateway.name} {...gateway} />
          ))}
        </Rows>
      )}
    </Ready>
  </Section>
)
