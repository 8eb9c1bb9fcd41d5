import type { DoorIdentity } from '../identity.ts'

/** What every event of a model request says of who asked. */
export const identityOf = (who: DoorIdentity) => ({
  actor: { type: 'sandbox' as const, id: who.sandbox },
  person: who.person,
  prototype: who.prototype,
  sandbox: who.sandbox,
  policy: { name: who.policy.name, version: who.policy.version },
})
