import { NativeSelect } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { DEFAULT_POLICY } from '../../../../api/contract/prototypes.ts'
import { policiesQuery, policyQuery } from '../../client/policies.ts'
import { Age } from '../../components/Age.tsx'
import { Bones, Empty, Ready } from '../../components/feedback/Waiting.tsx'
import { Page, Section } from '../../components/Page.tsx'
import { Scrolling } from '../../components/Scrolling.tsx'
import { Tag } from '../../components/Tag.tsx'
import { Limits } from './Limits.tsx'
import styles from './Policies.module.css'
import { Rules } from './Rules.tsx'

export const Policies = () => {
  const query = useQuery(policiesQuery)
  const [chosen, setChosen] = useState<string | null>(null)
  const names = query.data?.items.map((item) => item.name) ?? []
  const name = chosen ?? (names.includes(DEFAULT_POLICY) ? DEFAULT_POLICY : names[0]) ?? null
  return (
    <Page
      title="Policies"
      intro="What a workspace can run, reach and use. Everything that is not listed here is refused."
      actions={
        names.length > 1 && (
          <NativeSelect
            aria-label="Policy"
            data={names}
            value={name ?? ''}
            onChange={(event) => setChosen(event.currentTarget.value)}
          />
        )
      }
    >
      <Ready query={query}>
        {() =>
          name ? (
            <InForce key={name} name={name} />
          ) : (
            <Empty title="No policy is in force">
              No prototype can start without one. Put a policy file into the folder “policies” and restart Backlot.
            </Empty>
          )
        }
      </Ready>
    </Page>
  )
}

const InForce = ({ name }: { name: string }) => {
  const query = useQuery(policyQuery(name))
  return (
    <Ready query={query} bones={<Bones rows={6} />}>
      {({ policy, source, history }) => (
        <>
          <div className={styles.head}>
            <h2>{policy.name}</h2>
            <Tag tone="good">Version {policy.version} is in force</Tag>
            {policy.description && <p>{policy.description}</p>}
          </div>
          <Limits policy={policy} />
          <Section title="Allowed hosts" intro="What a workspace can reach, and how. It has no other network.">
            <Rules rules={policy.egress} />
          </Section>
          <Section
            title="Policy file"
            intro="To change it, edit the file in the folder “policies” and restart Backlot."
          >
            <Scrolling className={styles.source ?? ''} label={`Policy file ${policy.name}`}>
              <pre>{source}</pre>
            </Scrolling>
          </Section>
          <Section title="History">
            <ol className={styles.history}>
              {history.map((version) => (
                <li key={version.version}>
                  <span>Version {version.version}</span>
                  <small>
                    {version.by ?? (version.origin === 'file' ? 'From the file' : 'Through the API')},{' '}
                    <Age at={version.createdAt} />
                  </small>
                </li>
              ))}
            </ol>
          </Section>
        </>
      )}
    </Ready>
  )
}
