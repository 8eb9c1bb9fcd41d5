import { ActionIcon, Menu } from '@mantine/core'
import { IconDots, IconTrash } from '@tabler/icons-react'
import { Link } from '@tanstack/react-router'
import type { PrototypeView } from '../../../../api/contract/prototypes.ts'
import { isGettingReady, isUsable } from '../../client/prototypes.ts'
import { Age } from '../../components/Age.tsx'
import { Tag } from '../../components/Tag.tsx'
import { Facade } from '../../modules/facade/Facade.tsx'
import { Progress } from '../../modules/sandbox/Progress.tsx'
import { labelWords, shareOf, wordsOf } from '../../modules/sandbox/words.ts'
import styles from './Prototypes.module.css'

export const Card = ({ prototype, onRemove }: { prototype: PrototypeView; onRemove: () => void }) => {
  const { sandbox, label, owner, title, hypothesis } = prototype
  const rising = isGettingReady(sandbox.state)
  const words = wordsOf(sandbox)
  return (
    <li className={styles.card} data-state={sandbox.state}>
      <Facade
        seed={prototype.id}
        mood={rising ? 'rising' : isUsable(sandbox.state) ? 'up' : 'down'}
        share={shareOf(sandbox)}
      />
      <div className={styles.body}>
        <h2 className={styles.title}>
          <Link to="/prototypes/$id" params={{ id: prototype.id }}>
            {title}
          </Link>
        </h2>
        {rising ? <Progress sandbox={sandbox} /> : hypothesis && <p className={styles.hypothesis}>{hypothesis}</p>}
        <div className={styles.foot}>
          <Tag tone={words.tone}>{words.short}</Tag>
          <Tag>{labelWords[label].title}</Tag>
          <span className={styles.made}>
            <span className={styles.owner}>{owner.name}</span>, <Age at={prototype.createdAt} />
          </span>
        </div>
      </div>
      <div className={styles.menu}>
        <Menu>
          <Menu.Target>
            <ActionIcon variant="subtle" color="gray" aria-label={`More about ${title}`}>
              <IconDots size={18} />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item
              color="red"
              disabled={sandbox.holds.length > 0}
              leftSection={<IconTrash size={16} />}
              onClick={onRemove}
            >
              Delete…
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
      </div>
    </li>
  )
}
