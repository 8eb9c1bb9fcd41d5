import { Button } from '@mantine/core'
import { IconAlertTriangle, IconCircleCheck, IconCircleX, IconRefresh } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import type { DoctorReport } from '../../../../api/contract/programs/runner.ts'
import { diskQuery, healthQuery } from '../../client/health.ts'
import { Ready } from '../../components/feedback/Waiting.tsx'
import { Page, Section } from '../../components/Page.tsx'
import { Rows } from '../../components/Rows.tsx'
import { DiskRoom } from './Disk.tsx'
import { Gateways } from './Gateways.tsx'
import styles from './Health.module.css'

type Status = DoctorReport['checks'][number]['status']
const signs = {
  ok: { icon: IconCircleCheck, means: 'OK' },
  warning: { icon: IconAlertTriangle, means: 'works, with a weakness' },
  refused: { icon: IconCircleX, means: 'not possible on this machine' },
} as const
const order: Record<Status, number> = { refused: 0, warning: 1, ok: 2 }

const summary = (checks: DoctorReport['checks']): string => {
  const count = (status: Status) => checks.filter((check) => check.status === status).length
  if (count('refused') > 0)
    return `${count('refused')} of ${checks.length} checks found something that this machine cannot enforce.`
  if (count('warning') > 0) return `Everything works; ${count('warning')} of ${checks.length} checks found a weakness.`
  return `All ${checks.length} checks passed.`
}

/** What stands between backticks is code. */
const coded = (text: string) =>
  // biome-ignore lint/suspicious/noArrayIndexKey: the parts of one sentence, which keep their order
  text.split('`').map((part, at) => (at % 2 === 1 ? <code key={at}>{part}</code> : part))

export const Health = () => {
  const query = useQuery(healthQuery)
  const room = useQuery(diskQuery)
  return (
    <Page
      title="Health"
      intro="Whether this machine has what Backlot needs."
      actions={
        <Button
          variant="default"
          leftSection={<IconRefresh size={16} />}
          loading={query.isFetching || room.isFetching}
          onClick={() => void Promise.all([query.refetch(), room.refetch()])}
        >
          Check again
        </Button>
      }
    >
      <DiskRoom query={room} />
      <Gateways />
      <Section title="Checks" intro={query.data ? summary(query.data.checks) : 'What this machine can enforce.'}>
        <Ready query={query}>
          {({ checks }) => (
            <Rows>
              {checks
                .toSorted((a, b) => order[a.status] - order[b.status])
                .map((check) => {
                  const { icon: Icon, means } = signs[check.status]
                  return (
                    <li key={check.id}>
                      <div className={styles.check} data-status={check.status}>
                        <Icon size={20} aria-label={means} />
                        <div>
                          <p>{check.title}</p>
                          <small>{coded(check.detail)}</small>
                          {check.fix &&
                            (check.fix.endsWith('.') ? (
                              <p className={styles.fix}>{coded(check.fix)}</p>
                            ) : (
                              <code className={styles.command}>{check.fix}</code>
                            ))}
                        </div>
                      </div>
                    </li>
                  )
                })}
            </Rows>
          )}
        </Ready>
      </Section>
    </Page>
  )
}
