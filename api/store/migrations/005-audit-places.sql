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
