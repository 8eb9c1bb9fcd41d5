import { proof } from '../../../gallery/data/prototypes.ts'
import type { States } from '../../../gallery/state.ts'
import { ProofBadge } from './ProofBadge.tsx'

const broken = { ...proof, ok: false, probes: proof.probes.map((probe) => ({ ...probe, got: 'passed' as const })) }

export const states: States = {
  proven: { show: () => <ProofBadge proof={proof} />, shows: 'Limits proven' },
  'what was tried': { show: () => <ProofBadge proof={proof} />, press: ['Limits proven'], shows: 'refused' },
  'with details': {
    show: () => <ProofBadge proof={proof} />,
    press: ['Limits proven', 'Details'],
    shows: 'ENETUNREACH',
  },
  'not proven': { show: () => <ProofBadge proof={broken} />, press: ['Not proven'], shows: 'worked' },
}
