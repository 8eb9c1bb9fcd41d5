import { Button } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { IconPlus } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import type { PrototypeView } from '../../../../api/contract/prototypes.ts'
import { prototypesQuery } from '../../client/prototypes.ts'
import { holds, meQuery } from '../../client/session.ts'
import { Bones, Empty, Ready } from '../../components/feedback/Waiting.tsx'
import { Page } from '../../components/Page.tsx'
import { RemoveDialog } from '../../modules/sandbox/RemoveDialog.tsx'
import { Card } from './Card.tsx'
import { CreateDialog } from './CreateDialog.tsx'
import styles from './Prototypes.module.css'

export const Prototypes = () => {
  const query = useQuery(prototypesQuery)
  const [creating, dialog] = useDisclosure()
  const [leaving, setLeaving] = useState<PrototypeView | null>(null)
  const create = (
    <Button leftSection={<IconPlus size={18} />} onClick={dialog.open}>
      New prototype
    </Button>
  )
  const { data: me } = useQuery(meQuery)
  const mayCreate = holds(me, 'pm')
  const some = (query.data?.items.length ?? 0) > 0
  return (
    <Page
      title="Prototypes"
      wide
      intro={some ? 'Each one helps you decide something. None of them is a product.' : undefined}
      actions={some && mayCreate && create}
    >
      <Ready query={query} bones={<Bones rows={6} tall />}>
        {({ items }) =>
          items.length === 0 ? (
            <NoPrototypes create={mayCreate ? create : null} />
          ) : (
            <ul className={styles.grid}>
              {items.map((prototype) => (
                <Card key={prototype.id} prototype={prototype} onRemove={() => setLeaving(prototype)} />
              ))}
            </ul>
          )
        }
      </Ready>
      {mayCreate && <CreateDialog opened={creating} onClose={dialog.close} />}
      <RemoveDialog prototype={leaving} onClose={() => setLeaving(null)} />
    </Page>
  )
}

const NoPrototypes = ({ create }: { create: ReactNode }) =>
  create ? (
    <Empty title="What do you want to find out?" action={create}>
      Name an idea and Backlot gives you a workspace with a coding agent. Build it this afternoon, show it, decide, and
      throw it away. Nothing that you do there can reach anything else.
    </Empty>
  ) : (
    <Empty title="You have no prototypes">
      To create one you need the Product role. Your admin can give it to you.
    </Empty>
  )
