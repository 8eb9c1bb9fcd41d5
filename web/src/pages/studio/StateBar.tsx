import { ActionIcon, Menu, Tooltip } from '@mantine/core'
import { IconDots, IconTrash } from '@tabler/icons-react'
import type { PrototypeView } from '../../../../api/contract/prototypes.ts'
import { isUsable } from '../../client/prototypes.ts'
import { Tag } from '../../components/Tag.tsx'
import { ProofBadge } from '../../modules/sandbox/ProofBadge.tsx'
import { labelWords, wordsOf } from '../../modules/sandbox/words.ts'
import styles from './Studio.module.css'

export const StateBar = ({ prototype, onRemove }: { prototype: PrototypeView; onRemove: (() => void) | null }) => {
  const { sandbox, title, hypothesis, label } = prototype
  const words = wordsOf(sandbox)
  // What was proven was proven of a workspace that runs; what failed stays to be seen.
  const proof = isUsable(sandbox.state) || sandbox.proof?.ok === false ? sandbox.proof : null
  return (
    <header className={styles.bar}>
      <div className={styles.names}>
        <h1 title={title}>{title}</h1>
        {hypothesis && <p title={hypothesis}>{hypothesis}</p>}
      </div>
      <div className={styles.facts}>
        <Tooltip label={words.long}>
          <span>
            <Tag tone={words.tone}>{words.short}</Tag>
          </span>
        </Tooltip>
        <Tooltip label={labelWords[label].means}>
          <span>
            <Tag>{labelWords[label].title}</Tag>
          </span>
        </Tooltip>
        {proof && <ProofBadge proof={proof} />}
      </div>
      {onRemove && (
        <Menu>
          <Menu.Target>
            <ActionIcon variant="subtle" color="gray" size="lg" aria-label="More about this prototype">
              <IconDots size={18} />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item color="red" leftSection={<IconTrash size={16} />} onClick={onRemove}>
              Delete…
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
      )}
    </header>
  )
}
