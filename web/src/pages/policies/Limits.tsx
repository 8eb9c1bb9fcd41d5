import { type PolicyInForce, usualEvents } from '../../../../api/contract/policy.ts'
import { dataLabel } from '../../../../api/contract/prototypes.ts'
import { Tag } from '../../components/Tag.tsx'
import { sizeWords } from '../../modules/sandbox/size.ts'
import { labelWords } from '../../modules/sandbox/words.ts'
import styles from './Policies.module.css'

const placeWords = { cloud: 'the cloud model', local: 'the local model', none: 'no model' } as const
const targetWords = (target: string): string => (target === 'assigned' ? 'chosen under Models' : target)
const modelWords = ({ cloud, local }: PolicyInForce['models']['default']): string =>
  cloud === 'assigned' && local === 'assigned'
    ? 'Which models these are is chosen under Models.'
    : `Cloud model: ${targetWords(cloud)}. Local model: ${targetWords(local)}.`
const eventWords = ({ burst, perSecond }: typeof usualEvents): string =>
  `${burst.toLocaleString('en')} at once, then ${perSecond.toLocaleString('en')} a second`

export const Limits = ({ policy }: { policy: PolicyInForce }) => (
  <div className={styles.limits}>
    <section aria-label="Tools">
      <h3>Tools</h3>
      <p className={styles.tags}>
        {policy.tools.allow.length === 0 && 'None.'}
        {policy.tools.allow.map((tool) => (
          <Tag key={tool}>{tool}</Tag>
        ))}
      </p>
      <p className={styles.quiet}>
        {policy.tools.workspaceExec
          ? 'Programs that are built or installed in the workspace can run too.'
          : 'Nothing else can run, not even what is built in the workspace.'}
      </p>
    </section>
    <section aria-label="Size">
      <h3>Each workspace</h3>
      <dl>
        <div>
          <dt>Processors</dt>
          <dd>{policy.sandbox.cpus}</dd>
        </div>
        <div>
          <dt>Memory</dt>
          <dd>{sizeWords(policy.sandbox.memoryBytes)}</dd>
        </div>
        <div>
          <dt>Disk</dt>
          <dd>{sizeWords(policy.sandbox.diskBytes)}</dd>
        </div>
        <div>
          <dt>Processes</dt>
          <dd>{policy.sandbox.pids}</dd>
        </div>
        <div>
          <dt>Prototypes per person</dt>
          <dd>{policy.sandbox.perPerson}</dd>
        </div>
        <div>
          <dt>Log entries</dt>
          <dd>{eventWords(policy.events ?? usualEvents)}</dd>
        </div>
        <div>
          <dt>Isolation</dt>
          <dd>
            {policy.sandbox.runtime === 'runsc' ? 'gVisor' : 'runc'}{' '}
            {policy.sandbox.unsafeUnlimited && <Tag tone="marigold">Resource limits may not hold</Tag>}
            {policy.sandbox.requirePatchedRuntime && <Tag>Only without known escapes</Tag>}
          </dd>
        </div>
      </dl>
    </section>
    <section aria-label="Models">
      <h3>Models</h3>
      <dl>
        {dataLabel.options.map((label) => (
          <div key={label}>
            <dt>{labelWords[label].title}</dt>
            <dd>{placeWords[policy.models.labels[label]]}</dd>
          </div>
        ))}
      </dl>
      <p className={styles.quiet}>{modelWords(policy.models.default)}</p>
    </section>
  </div>
)
