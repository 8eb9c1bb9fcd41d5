import { verifyChain } from '../../audit/chain/verify.ts'
import { type Say, type Where, withDatabase } from './place.ts'

/** `backlot audit verify`. False when the chain does not hold. */
export async function verifyAudit(where: Where, say: Say): Promise<boolean> {
  const verdict = await withDatabase(where, verifyChain)
  if (verdict.ok) say(`The log is whole: ${verdict.events} events, each in its place.`)
  else say(`The log does not hold. ${verdict.events} events are good; then: ${verdict.problem?.what ?? 'unknown'}`)
  if (verdict.waiting > 0) say(`${verdict.waiting} more events wait for their place: no hash covers them yet.`)
  return verdict.ok
}
