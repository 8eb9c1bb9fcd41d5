import type { PersonId } from '../../contract/ids.ts'
import type { PolicyInForce } from '../../contract/policy.ts'
import { ApiError } from '../../errors.ts'
import type { Store } from '../../store/connect.ts'

/** Throws `limit_reached` when this person has as many sandboxes as the policy lets them. Stopped ones count: they keep their disk. */
export async function keepLimit(trx: Store, person: PersonId, policy: PolicyInForce): Promise<void> {
  const { held } = await trx
    .selectFrom('sandboxes')
    .select((eb) => eb.fn.countAll<number>().as('held'))
    .where('owner_id', '=', person)
    .where('state', 'not in', ['removed', 'failed', 'lost'])
    .executeTakeFirstOrThrow()
  const { perPerson } = policy.sandbox
  if (Number(held) < perPerson) return
  throw new ApiError(
    'limit_reached',
    `You have ${held} of at most ${perPerson} prototypes. Delete one that you no longer need, or ask your admin for a higher limit.`,
  )
}
