-- The roles backlot_server and backlot_gateway exist already (migrate.ts). Nothing is granted that is not written here.
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO backlot_server, backlot_gateway;

CREATE TABLE people (
  id text PRIMARY KEY,
  email text NOT NULL UNIQUE CHECK (email = lower(email)),
  name text NOT NULL,
  password_hash text,
  roles text[] NOT NULL,
  disabled_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE sessions (
  id_hash bytea PRIMARY KEY,
  person_id text NOT NULL REFERENCES people,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  last_seen_at timestamptz NOT NULL
);
CREATE INDEX ON sessions (person_id);
CREATE TABLE sign_in_links (
  token_hash bytea PRIMARY KEY,
  person_id text NOT NULL REFERENCES people,
  created_by text,
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE api_tokens (
  id text PRIMARY KEY,
  token_hash bytea NOT NULL UNIQUE,
  person_id text NOT NULL REFERENCES people,
  name text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  last_used_at timestamptz,
  revoked_at timestamptz
);
CREATE INDEX ON api_tokens (person_id);

CREATE TABLE policies (
  name text NOT NULL,
  version integer NOT NULL CHECK (version > 0),
  hash text NOT NULL,
  body jsonb NOT NULL,
  source text NOT NULL,
  origin text NOT NULL CHECK (origin IN ('file', 'api')),
  file_hash text,
  created_by text REFERENCES people,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (name, version)
);

CREATE TABLE prototypes (
  id text PRIMARY KEY,
  title text NOT NULL,
  hypothesis text NOT NULL,
  label text NOT NULL,
  owner_id text NOT NULL REFERENCES people,
  policy text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  removed_at timestamptz
);
CREATE INDEX ON prototypes (owner_id);
CREATE TABLE sandboxes (
  id text PRIMARY KEY,
  prototype_id text NOT NULL REFERENCES prototypes,
  owner_id text NOT NULL REFERENCES people,
  state text NOT NULL,
  detail text,
  progress jsonb,
  policy_name text NOT NULL,
  policy_version integer NOT NULL,
  runtime text NOT NULL,
  image text,
  proof jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON sandboxes (prototype_id);
CREATE INDEX ON sandboxes (owner_id);

CREATE TABLE idempotency_keys (
  person_id text NOT NULL REFERENCES people,
  key text NOT NULL,
  request_hash bytea NOT NULL,
  status integer NOT NULL,
  response jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (person_id, key)
);

CREATE TABLE providers (
  id text PRIMARY KEY,
  kind text NOT NULL,
  base_url text NOT NULL,
  place text NOT NULL CHECK (place IN ('cloud', 'local')),
  sealed_key bytea,
  has_key boolean NOT NULL GENERATED ALWAYS AS (sealed_key IS NOT NULL) STORED,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE model_assignments (
  slot text PRIMARY KEY CHECK (slot IN ('cloud', 'local')),
  -- No foreign key: the built-in demo provider has no row.
  provider_id text NOT NULL,
  model text NOT NULL
);

-- Audit. The body is the event; every other column is read out of it here, so none can say something else.
CREATE TABLE audit_events (
  arrival bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  body text NOT NULL CHECK (length(body) <= 1048576),
  id uuid NOT NULL UNIQUE GENERATED ALWAYS AS ((body::json ->> 'id')::uuid) STORED,
  kind text NOT NULL GENERATED ALWAYS AS (body::json ->> 'kind') STORED,
  at_ms bigint NOT NULL GENERATED ALWAYS AS ((body::json ->> 'at')::bigint) STORED,
  person text GENERATED ALWAYS AS (body::json ->> 'person') STORED,
  prototype text GENERATED ALWAYS AS (body::json ->> 'prototype') STORED,
  sandbox text GENERATED ALWAYS AS (body::json ->> 'sandbox') STORED,
  decision text NOT NULL GENERATED ALWAYS AS (body::json ->> 'decision') STORED,
  correlation text NOT NULL GENERATED ALWAYS AS (body::json ->> 'correlation') STORED
);
CREATE INDEX ON audit_events (sandbox, arrival) WHERE sandbox IS NOT NULL;
CREATE INDEX ON audit_events (person, arrival) WHERE person IS NOT NULL;
-- Transactions commit in another order than they take numbers: what has no place yet is listed, never guessed from a number.
CREATE TABLE audit_unsequenced (event_id uuid PRIMARY KEY);
CREATE TABLE audit_chain (
  seq bigint PRIMARY KEY CHECK (seq > 0),
  event_id uuid NOT NULL UNIQUE,
  leaf_hash bytea NOT NULL CHECK (length(leaf_hash) = 32),
  chain_hash bytea NOT NULL CHECK (length(chain_hash) = 32)
);

CREATE FUNCTION audit_insert_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'The audit log can only be added to (% on %).', TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
-- The writers may insert an event, but neither read nor empty the list of what waits for its place.
CREATE FUNCTION audit_await_sequence() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO audit_unsequenced SELECT id FROM added;
  RETURN NULL;
END $$;
CREATE TRIGGER await_sequence AFTER INSERT ON audit_events REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION audit_await_sequence();
CREATE TRIGGER insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
  FOR EACH STATEMENT EXECUTE FUNCTION audit_insert_only();
CREATE TRIGGER insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_chain
  FOR EACH STATEMENT EXECUTE FUNCTION audit_insert_only();
-- Also under session_replication_role = replica, which silences ordinary triggers.
ALTER TABLE audit_events ENABLE ALWAYS TRIGGER await_sequence;
ALTER TABLE audit_events ENABLE ALWAYS TRIGGER insert_only;
ALTER TABLE audit_chain ENABLE ALWAYS TRIGGER insert_only;

-- What the gateway must know at once. `progress` and `detail` of a sandbox change often and are none of its business.
CREATE FUNCTION notify_doors() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('doors', '');
  RETURN NULL;
END $$;
CREATE TRIGGER doors AFTER INSERT OR DELETE OR UPDATE OF prototype_id, owner_id, state, policy_name, policy_version ON sandboxes
  FOR EACH STATEMENT EXECUTE FUNCTION notify_doors();
CREATE TRIGGER doors AFTER INSERT OR DELETE OR UPDATE OF label, owner_id, policy, removed_at ON prototypes
  FOR EACH STATEMENT EXECUTE FUNCTION notify_doors();
CREATE TRIGGER doors AFTER INSERT ON policies FOR EACH STATEMENT EXECUTE FUNCTION notify_doors();
CREATE TRIGGER doors AFTER INSERT OR DELETE OR UPDATE ON providers FOR EACH STATEMENT EXECUTE FUNCTION notify_doors();
CREATE TRIGGER doors AFTER INSERT OR DELETE OR UPDATE ON model_assignments FOR EACH STATEMENT EXECUTE FUNCTION notify_doors();

-- The server: people's affairs. A policy's version is never changed or removed, a person never deleted.
GRANT SELECT, INSERT, UPDATE ON people, api_tokens, prototypes, sandboxes TO backlot_server;
GRANT SELECT, INSERT, UPDATE, DELETE ON sessions, sign_in_links, idempotency_keys, model_assignments TO backlot_server;
GRANT SELECT, INSERT ON policies TO backlot_server;
GRANT SELECT (id, kind, base_url, place, has_key, created_at, updated_at) ON providers TO backlot_server;
GRANT SELECT, INSERT ON audit_events, audit_chain TO backlot_server;
GRANT SELECT, DELETE ON audit_unsequenced TO backlot_server;

-- The gateway: what it judges by, the providers' keys, and adding to a log that it cannot read.
GRANT SELECT ON prototypes, sandboxes, policies, model_assignments TO backlot_gateway;
GRANT SELECT, INSERT, UPDATE, DELETE ON providers TO backlot_gateway;
GRANT INSERT ON audit_events TO backlot_gateway;
