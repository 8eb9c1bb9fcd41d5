import type { HoldNotice } from '../../../../api/contract/holds.ts'
import type { PrototypeView } from '../../../../api/contract/prototypes.ts'
import { Age } from '../../components/Age.tsx'
import { Facade } from '../../modules/facade/Facade.tsx'
import styles from './Studio.module.css'

const what: Record<HoldNotice['scope'], string> = {
  sandbox: 'this prototype',
  person: 'all your prototypes',
  everything: "everybody's prototypes",
}

/** In place of the terminal: who stopped it, why, and whom to ask. Nothing here can undo it. */
export const OnHold = ({ prototype }: { prototype: PrototypeView }) => {
  const { holds } = prototype.sandbox
  const many = holds.length > 1
  return (
    <div className={styles.readying} role="status">
      <Facade seed={prototype.id} mood="down" />
      <h2>On hold</h2>
      {holds.map((hold) => (
        <div key={`${hold.placedAt}${hold.scope}`} className={styles.hold}>
          <p>
            {hold.by.name} put {what[hold.scope]} on hold <Age at={hold.placedAt} />:
          </p>
          <blockquote>{hold.reason}</blockquote>
          <p>
            Ask{' '}
            <a href={`mailto:${hold.by.email}`}>
              {hold.by.name} ({hold.by.email})
            </a>
            .
          </p>
        </div>
      ))}
      <p>
        Nothing in it runs, and it cannot be started or deleted until security or an admin releases{' '}
        {many ? 'each of these holds' : 'the hold'}. Its files are kept as they are.
      </p>
    </div>
  )
}
