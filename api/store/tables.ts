/** Rows as PostgreSQL holds them (migrations/*.sql). jsonb comes out as `unknown`: parse it with its schema from contract. */
import type { ColumnType, Generated } from 'kysely'
import type { HoldScope } from '../contract/holds.ts'

/** Written as JSON text, read as whatever is there. */
type Json = ColumnType<unknown, string, string>
type NullableJson = ColumnType<unknown, string | null | undefined, string | null>
type Created = ColumnType<Date, Date | undefined, never>
/** Computed by the database; nobody can write it. */
type Computed<T> = ColumnType<T, never, never>

export interface Database {
  people: {
    id: string
    /** Lower case. */
    email: string
    name: string
    password_hash: string | null
    roles: string[]
    disabled_at: Date | null
    created_at: Created
  }
  sessions: {
    /** SHA-256 of the cookie's value. */
    id_hash: Buffer
    person_id: string
    created_at: Created
    expires_at: Date
    last_seen_at: Date
  }
  sign_in_links: {
    token_hash: Buffer
    person_id: string
    /** Null: the launcher. */
    created_by: string | null
    expires_at: Date
    used_at: Date | null
    created_at: Created
  }
  api_tokens: {
    id: string
    token_hash: Buffer
    person_id: string
    name: string
    created_at: Created
    expires_at: Date | null
    last_used_at: Date | null
    revoked_at: Date | null
  }
  /** In force = the highest version of a name. */
  policies: {
    name: string
    version: number
    hash: string
    /** policyInForce. */
    body: Json
    /** The YAML as written. */
    source: string
    origin: 'file' | 'api'
    file_hash: string | null
    created_by: string | null
    created_at: Created
  }
  /** A view: the newest version of each policy. */
  policies_in_force: Database['policies']
  prototypes: {
    id: string
    title: string
    hypothesis: string
    label: string
    owner_id: string
    policy: string
    created_at: Created
    removed_at: Date | null
  }
  sandboxes: {
    id: string
    prototype_id: string
    owner_id: string
    state: string
    detail: string | null
    progress: NullableJson
    policy_name: string
    /** That it is judged by: the newest. */
    policy_version: number
    /** That its container was made by, while a widening of a later one waits; null: none waits. */
    container_version: ColumnType<number | null, number | null | undefined, number | null>
    /** rebuildReason. */
    rebuilt_for: ColumnType<string | null, string | null | undefined, string | null>
    /** Null once it is removed and its container is gone. */
    user_slot: number | null
    /** Which instance of the gateway holds its sockets. */
    gateway: Generated<number>
    /** How often it was started: transitionTo counts. */
    starts: Generated<number>
    runtime: string
    image: string | null
    proof: NullableJson
    created_at: Created
    updated_at: Generated<Date>
  }
  /** In force as long as the row is there. */
  holds: {
    id: string
    scope: HoldScope
    sandbox_id: string | null
    person_id: string | null
    reason: string
    placed_by: string
    placed_at: Created
  }
  /** A view: a row for each hold that covers a sandbox. */
  sandboxes_held: { sandbox_id: Computed<string>; hold_id: Computed<string> }
  idempotency_keys: {
    person_id: string
    key: string
    request_hash: Buffer
    status: number
    response: Json
    created_at: Created
  }
  /** The gateway writes; the server may read all but `sealed_key`. */
  providers: {
    id: string
    kind: string
    base_url: string
    place: string
    unsafe_local: Generated<boolean>
    sealed_key: Buffer | null
    has_key: Computed<boolean>
    created_at: Created
    updated_at: Generated<Date>
  }
  model_assignments: { slot: string; provider_id: string; model: string }
  /** Insert-only. Everything but `body` is read out of it by the database, so that no column can disagree with it. */
  audit_events: {
    arrival: Computed<number>
    /** Canonical JSON of an AuditEvent; what the chain hashes. */
    body: ColumnType<string, string, never>
    id: Computed<string>
    kind: Computed<string>
    at_ms: Computed<number>
    person: Computed<string | null>
    prototype: Computed<string | null>
    sandbox: Computed<string | null>
    decision: Computed<string>
    correlation: Computed<string>
    /** Who is given a place first; 0 before 2. */
    priority: Computed<number>
  }
  /** Filled by a trigger, emptied by the sequencer. */
  audit_unsequenced: { priority: number; arrival: number; since: Date }
  /** The words of 128 places in a row, made by the database. Insert-only. */
  audit_text: { first_seq: number; words: string }
  /** Insert-only. */
  audit_chain: { seq: number; event_id: string; leaf_hash: Buffer; chain_hash: Buffer }
}
