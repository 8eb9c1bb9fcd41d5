import { createHash } from 'node:crypto'
import type { Transaction } from 'kysely'
import type { z } from 'zod'
import { appendIn } from '../../audit/append.ts'
import { auditEvent } from '../../audit/event.ts'
import { prototypeId, sandboxId } from '../../contract/ids.ts'
import type { PolicyInForce } from '../../contract/policy.ts'
import { type PrototypeView, type prototypeCreate, prototypeView } from '../../contract/prototypes.ts'
import { ApiError, notFound } from '../../errors.ts'
import { newId } from '../../ids.ts'
import type { Store } from '../../store/connect.ts'
import type { Database } from '../../store/tables.ts'
import type { AskedBy } from '../http/route.ts'
import { findPerson, mayRun } from '../people/people.ts'
import { holdPolicy, readPolicy } from '../policies/read.ts'
import { keepLimit } from '../sandboxes/limit.ts'
import { takeUserSlot } from '../sandboxes/user-slots.ts'
import { keepHoldsOut, refuseHeld } from '../stops/held.ts'
import { findPrototype } from './read.ts'

const KEY_LIFETIME_MS = 24 * 3_600_000

export interface CreateDeps {
  db: Store
  /** Which instance of the gateway the sandbox gets. */
  chooseGateway: (trx: Store) => Promise<number>
}

interface CreateCommand {
  asked: AskedBy
  body: z.output<typeof prototypeCreate>
  /** Of the header Idempotency-Key; null: every call makes a new prototype. */
  key: string | null
}

/** The prototype, its sandbox in `building`, and their events, in one transaction. `isNew` is false for a repeated key. */
export function createPrototype(
  { db, chooseGateway }: CreateDeps,
  command: CreateCommand,
): Promise<{ view: PrototypeView; isNew: boolean }> {
  const { asked, body } = command
  return db.transaction().execute(async (trx) => {
    await keepHoldsOut(trx)
    await holdPolicy(trx, body.policy)
    // One at a time for a person: neither the key nor the limit can be raced.
    const person = await findPerson(trx, asked.person, { forUpdate: true })
    // Checked again: the right may have ended since the request was let in, and what was theirs is being stopped.
    if (!person || !mayRun(person)) throw notFound()
    const before = await findRepeated(trx, command)
    if (before) return { view: before, isNew: false }

    await refuseHeld(trx, { sandbox: null, owner: asked.person })
    const policy = await readPolicy(trx, body.policy)
    if (!policy) throw new ApiError('invalid_request', `policy: there is no policy named ${body.policy}.`)
    await keepLimit(trx, asked.person, policy)
    const view = await insert(trx, command, policy, chooseGateway)
    await remember(trx, command, view)
    return { view, isNew: true }
  })
}

async function insert(
  trx: Transaction<Database>,
  { asked, body }: CreateCommand,
  policy: PolicyInForce,
  chooseGateway: CreateDeps['chooseGateway'],
): Promise<PrototypeView> {
  const id = prototypeId.parse(newId('pr'))
  const sandbox = sandboxId.parse(newId('sb'))
  const { title, hypothesis, label } = body
  // Made here, in whole milliseconds, because a list's cursor holds no more.
  const createdAt = new Date()
  await trx
    .insertInto('prototypes')
    .values({
      id,
      title,
      hypothesis,
      label,
      owner_id: asked.person,
      policy: policy.name,
      created_at: createdAt,
      removed_at: null,
    })
    .execute()
  await trx
    .insertInto('sandboxes')
    .values({
      id: sandbox,
      prototype_id: id,
      owner_id: asked.person,
      state: 'building',
      detail: null,
      policy_name: policy.name,
      policy_version: policy.version,
      user_slot: await takeUserSlot(trx),
      gateway: await chooseGateway(trx),
      runtime: policy.sandbox.runtime,
      image: null,
      created_at: createdAt,
    })
    .execute()
  const shared = {
    ...asked,
    prototype: id,
    sandbox,
    policy: { name: policy.name, version: policy.version },
    reason: 'asked-for',
  } as const
  await appendIn(trx, auditEvent('prototype.created', { ...shared, decision: 'allow', detail: { title, label } }))
  const state = { from: null, to: 'building', detail: null }
  await appendIn(trx, auditEvent('sandbox.state', { ...shared, decision: 'info', detail: state }))
  const view = await findPrototype(trx, id)
  if (!view) throw new Error(`${id} was inserted and cannot be read`)
  return view
}

const hashOf = (body: CreateCommand['body']) => createHash('sha256').update(JSON.stringify(body)).digest()

async function findRepeated(
  trx: Store,
  { asked: { person }, key, body }: CreateCommand,
): Promise<PrototypeView | null> {
  if (key === null) return null
  const known = await trx
    .selectFrom('idempotency_keys')
    .select(['request_hash', 'response'])
    .where('person_id', '=', person)
    .where('key', '=', key)
    .executeTakeFirst()
  if (!known) return null
  if (!known.request_hash.equals(hashOf(body))) {
    throw new ApiError('conflict', 'This Idempotency-Key was already used for another request. Use a new one.')
  }
  return prototypeView.parse(known.response)
}

async function remember(
  trx: Store,
  { asked: { person }, key, body }: CreateCommand,
  view: PrototypeView,
): Promise<void> {
  const tooOld = new Date(Date.now() - KEY_LIFETIME_MS)
  await trx.deleteFrom('idempotency_keys').where('person_id', '=', person).where('created_at', '<', tooOld).execute()
  if (key === null) return
  const values = { person_id: person, key, request_hash: hashOf(body), status: 201, response: JSON.stringify(view) }
  await trx.insertInto('idempotency_keys').values(values).execute()
}
