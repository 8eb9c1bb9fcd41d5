-- The columns of an event were generated, each with a parse of its own: nine for an event. Now one parse fills them all. Nobody
-- may name them in an INSERT, and what is named by whoever owns the table is overwritten.
ALTER TABLE audit_events
  ALTER COLUMN id DROP EXPRESSION,
  ALTER COLUMN kind DROP EXPRESSION,
  ALTER COLUMN at_ms DROP EXPRESSION,
  ALTER COLUMN person DROP EXPRESSION,
  ALTER COLUMN prototype DROP EXPRESSION,
  ALTER COLUMN sandbox DROP EXPRESSION,
  ALTER COLUMN decision DROP EXPRESSION,
  ALTER COLUMN correlation DROP EXPRESSION,
  -- 0: people and stops, 1: refusals and the platform itself, 2: what sandboxes do. Under a backlog they are given
  -- their place in this order.
  ADD COLUMN priority smallint NOT NULL DEFAULT 2;

-- Types by their full name: a writer could have types of its own among its temporary ones, which are looked at first.
CREATE FUNCTION audit_read_body() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  event pg_catalog.jsonb := NEW.body::pg_catalog.jsonb;
  actor pg_catalog.text := event -> 'actor' ->> 'type';
BEGIN
  NEW.id := (event ->> 'id')::pg_catalog.uuid;
  NEW.kind := event ->> 'kind';
  NEW.at_ms := (event ->> 'at')::pg_catalog.int8;
  NEW.person := event ->> 'person';
  NEW.prototype := event ->> 'prototype';
  NEW.sandbox := event ->> 'sandbox';
  NEW.decision := event ->> 'decision';
  NEW.correlation := event ->> 'correlation';
  NEW.priority := CASE
    WHEN actor = 'person' OR NEW.kind = 'kill.ordered' THEN 0
    WHEN NEW.decision = 'deny' OR actor = 'system' THEN 1
    ELSE 2
  END;
  RETURN NEW;
END $$;
CREATE TRIGGER read_body BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION audit_read_body();
ALTER TABLE audit_events ENABLE ALWAYS TRIGGER read_body;
REVOKE INSERT ON audit_events FROM backlot_server, backlot_gateway;
GRANT INSERT (body) ON audit_events TO backlot_server, backlot_gateway;

-- Requests are most of the log: the newest of them are found without an index, and each entry costs the writer.
DROP INDEX audit_events_kind_arrival_idx;
CREATE INDEX audit_events_kind ON audit_events (kind, arrival) WHERE kind NOT IN ('egress.request', 'egress.ended');
-- Rows lie in the order of their arrival, which is nearly that of their time: a summary of each range of pages is enough.
DROP INDEX audit_events_at_ms_idx;
CREATE INDEX ON audit_events USING brin (at_ms) WITH (pages_per_range = 16, autosummarize = on);

-- What waits, in the order in which it is taken. It is filled and emptied all the time: swept often, so that reading from its
-- front does not step over what is gone.
ALTER TABLE audit_unsequenced RENAME TO audit_unsequenced_by_id;
CREATE TABLE audit_unsequenced (
  priority smallint NOT NULL,
  arrival bigint NOT NULL,
  since timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (priority, arrival)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
INSERT INTO audit_unsequenced (priority, arrival)
  SELECT e.priority, e.arrival FROM audit_unsequenced_by_id u JOIN audit_events e ON e.id = u.event_id;
DROP TABLE audit_unsequenced_by_id;
CREATE OR REPLACE FUNCTION audit_await_sequence() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO audit_unsequenced (priority, arrival) SELECT priority, arrival FROM added;
  RETURN NULL;
END $$;
GRANT SELECT, DELETE ON audit_unsequenced TO backlot_server;

-- Text search. Each value of 128 places in a row, once: neighbours repeat themselves, so a search reads a fraction of the log.
-- Made after the places, out of the writers' way.
CREATE FUNCTION audit_words(body text) RETURNS SETOF text LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog AS $$
BEGIN
  RETURN QUERY SELECT lower(v #>> '{}')
    FROM jsonb_path_query(body::jsonb - '{id,at}'::text[], 'strict $.**') AS v
    WHERE jsonb_typeof(v) IN ('string', 'number');
EXCEPTION WHEN data_exception THEN
  -- Earlier versions took bodies that jsonb does not.
  RETURN QUERY SELECT lower(body);
END $$;
CREATE TABLE audit_text (
  first_seq bigint PRIMARY KEY CHECK (first_seq % 128 = 1),
  words text NOT NULL
);
CREATE TRIGGER insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_text
  FOR EACH STATEMENT EXECUTE FUNCTION audit_insert_only();
ALTER TABLE audit_text ENABLE ALWAYS TRIGGER insert_only;

CREATE FUNCTION audit_words_from(first bigint) RETURNS text LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT coalesce(string_agg(DISTINCT word, E'\n'), '')
    FROM audit_chain c JOIN audit_events e ON e.id = c.event_id CROSS JOIN audit_words(e.body) AS word
    WHERE c.seq >= first AND c.seq < first + 128
$$;
-- The server may ask for the next 128, and cannot say what they hold. False: there are not that many yet.
CREATE FUNCTION audit_add_words() RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  first bigint := coalesce((SELECT max(first_seq) + 128 FROM audit_text), 1);
BEGIN
  IF NOT EXISTS (SELECT FROM audit_chain WHERE seq = first + 127) THEN
    RETURN false;
  END IF;
  INSERT INTO audit_text VALUES (first, audit_words_from(first));
  RETURN true;
END $$;
REVOKE ALL ON FUNCTION audit_add_words() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_add_words() TO backlot_server;
GRANT SELECT ON audit_text TO backlot_server;
-- Where the extension is not to be had, a search reads all words: right, and slower in a long log.
DO $$
BEGIN
  CREATE EXTENSION IF NOT EXISTS pg_trgm;
  CREATE INDEX ON audit_text USING gin (words gin_trgm_ops);
EXCEPTION WHEN insufficient_privilege OR feature_not_supported OR undefined_file THEN
  RAISE WARNING 'pg_trgm is not available: text search of a long log is slow. Install it, then: CREATE EXTENSION pg_trgm; CREATE INDEX ON audit_text USING gin (words gin_trgm_ops);';
END $$;
