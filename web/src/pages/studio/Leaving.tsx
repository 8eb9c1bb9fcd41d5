import type { PrototypeView } from '../../../../api/contract/prototypes.ts'
import { Facade } from '../../modules/facade/Facade.tsx'
import styles from './Studio.module.css'

/** While it is being deleted: nothing here asks for it any more. */
export const Leaving = ({ prototype }: { prototype: PrototypeView }) => (
  <div className={styles.readying} role="status">
    <Facade seed={prototype.id} mood="down" />
    <h2>Deleting…</h2>
    <p>The workspace and its files are being deleted.</p>
  </div>
)
