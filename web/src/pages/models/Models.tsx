import { Button } from '@mantine/core'
import { IconPlus } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { Provider } from '../../../../api/contract/models.ts'
import { modelsQuery } from '../../client/models.ts'
import { Empty, Ready } from '../../components/feedback/Waiting.tsx'
import { Page, Section } from '../../components/Page.tsx'
import { Rows } from '../../components/Rows.tsx'
import { Assignments } from './Assignments.tsx'
import styles from './Models.module.css'
import { ProviderDialog } from './ProviderDialog.tsx'
import { ProviderRow } from './ProviderRow.tsx'

export const Models = () => {
  const query = useQuery(modelsQuery)
  const [edited, setEdited] = useState<Provider | 'new' | null>(null)
  const add = (
    <Button leftSection={<IconPlus size={18} />} onClick={() => setEdited('new')}>
      Add provider
    </Button>
  )
  return (
    <Page title="Models" intro="Which models the agents can use. API keys stay here; no workspace ever sees one.">
      <Ready query={query}>
        {({ providers, assignments, demoInUse }) => {
          const real = providers.filter((provider) => provider.kind !== 'demo')
          return (
            <>
              {demoInUse && (
                <div className={styles.demo} role="note">
                  <h2>Demo model is active</h2>
                  <p>
                    No real model is chosen, so a script stands in for one. It always does the same: builds a small
                    page, changes it and explains a refusal. Add a provider and choose a model to work for real.
                  </p>
                </div>
              )}
              <Section title="Providers" actions={real.length > 0 && add}>
                {real.length === 0 ? (
                  <Empty title="No provider yet" level={3} action={add}>
                    Every provider with an OpenAI or Anthropic API works: a cloud account, or Ollama, llama.cpp or vLLM
                    on your own machines.
                  </Empty>
                ) : (
                  <Rows>
                    {real.map((provider) => (
                      <ProviderRow key={provider.id} provider={provider} onEdit={() => setEdited(provider)} />
                    ))}
                  </Rows>
                )}
              </Section>
              <Section
                title="In use"
                intro="The data label of a prototype decides which of the two it uses. Confidential data stays on your own machines."
              >
                <Assignments providers={real} assignments={assignments} />
              </Section>
            </>
          )
        }}
      </Ready>
      <ProviderDialog edited={edited} onClose={() => setEdited(null)} />
    </Page>
  )
}
