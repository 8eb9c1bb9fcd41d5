import { IconCircleCheck, IconCircleX } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import type { GatewayState } from '../../../../api/contract/health.ts'
import { gatewaysQuery } from '../../client/health.ts'
import { Bones, Ready } from '../../components/feedback/Waiting.tsx'
import { Section } from '../../components/Page.tsx'
import { Rows } from '../../components/Rows.tsx'
import styles from './Health.module.css'

const has = ({ running, all }: GatewayState) =>
  all === 0 ? 'No sandboxes yet' : `${running} of ${all === 1 ? '1 sandbox' : `${all} sandboxes`} running`

const Gateway = ({ gateway }: { gateway: GatewayState }) => {
  const { name, trouble } = gateway
  const Icon = trouble === null ? IconCircleCheck : IconCircleX
  return (
    <li>
      <div className={styles.check} data-status={trouble === null ? 'ok' : 'refused'}>
        <Icon size={20} aria-label={trouble === null ? 'OK' : 'does not work now'} />
        <div>
          <p>{name}</p>
          <small>{has(gateway)}</small>
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
            <Gateway key={gateway.name} gateway={gateway} />
          ))}
        </Rows>
      )}
    </Ready>
  </Section>
)
