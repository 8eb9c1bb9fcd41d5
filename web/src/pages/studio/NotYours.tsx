import type { PrototypeView } from '../../../../api/contract/prototypes.ts'
import { Facade } from '../../modules/facade/Facade.tsx'
import styles from './Studio.module.css'

/** What security and admins see of somebody's prototype: its facts. Its terminals are the owner's alone. */
export const NotYours = ({ prototype }: { prototype: PrototypeView }) => (
  <div className={styles.readying}>
    <Facade seed={prototype.id} mood="up" />
    <h2>This prototype belongs to {prototype.owner.name}</h2>
    <p>Only {prototype.owner.name} can open its terminals or delete it.</p>
  </div>
)
