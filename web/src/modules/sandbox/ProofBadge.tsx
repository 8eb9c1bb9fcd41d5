import { Button, Modal } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { IconCheck, IconShieldCheck, IconShieldX, IconX } from '@tabler/icons-react'
import type { ProbeResult, Proof } from '../../../../api/contract/prototypes.ts'
import { Age } from '../../components/Age.tsx'
import styles from './ProofBadge.module.css'
import { probeTitle } from './words.ts'

/** That an allowed host does not answer says nothing against the workspace. */
const asExpected = ({ expected, got }: ProbeResult) => got === expected || (expected === 'passed' && got === 'error')

/** Says that the workspace was tried and held, and shows what was tried; what the system answered only for those who ask. */
export const ProofBadge = ({ proof }: { proof: Proof }) => {
  const [opened, { open, close }] = useDisclosure()
  const [detailed, details] = useDisclosure()
  const held = proof.probes.filter(asExpected).length
  return (
    <>
      <button type="button" className={styles.badge} data-ok={proof.ok} onClick={open}>
        {proof.ok ? (
          <IconShieldCheck size={16} className={styles.sign} aria-hidden />
        ) : (
          <IconShieldX size={16} className={styles.sign} aria-hidden />
        )}
        {proof.ok ? 'Limits proven' : 'Not proven'}
      </button>
      <Modal opened={opened} onClose={close} title={proof.ok ? 'Limits proven' : 'Not proven'} size="lg">
        <p className={styles.intro}>
          Before you could use this workspace, Backlot tried to break out of it. {held} of {proof.probes.length} checks
          came out as expected, <Age at={proof.at} />.
        </p>
        <ul className={styles.list}>
          {proof.probes.map((probe) => {
            const ok = asExpected(probe)
            return (
              <li key={probe.probe} data-ok={ok}>
                {ok ? (
                  <IconCheck size={16} aria-label="as expected" />
                ) : (
                  <IconX size={16} aria-label="not as expected" />
                )}
                <span>
                  {probeTitle(probe.probe)}
                  {detailed && <small>{probe.detail}</small>}
                </span>
                <em>{probe.got === 'passed' ? 'worked' : probe.got === 'refused' ? 'refused' : 'no answer'}</em>
              </li>
            )
          })}
        </ul>
        <Button variant="subtle" size="compact-sm" mt="sm" aria-expanded={detailed} onClick={details.toggle}>
          {detailed ? 'Hide details' : 'Details'}
        </Button>
      </Modal>
    </>
  )
}
