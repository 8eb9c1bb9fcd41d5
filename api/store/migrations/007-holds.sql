-- What may not run until somebody of security or an admin releases it. Released = the row is gone; the log keeps both.
CREATE TABLE holds (
  id text PRIMARY KEY,
  scope text NOT NULL CHECK (scope IN ('sandbox', 'person', 'everything')),
  sandbox_id text REFERENCES sandboxes,
  person_id text REFERENCES people,
  reason text NOT NULL CHECK (reason <> ''),
  placed_by text NOT NULL REFERENCES people,
  placed_at timestamptz NOT NULL DEFAULT now(),
  CHECK ((scope = 'sandbox') = (sandbox_id IS NOT NULL)),
  CHECK ((scope = 'person') = (person_id IS NOT NULL))
);
CREATE INDEX ON holds (sandbox_id) WHERE sandbox_id IS NOT NULL;
CREATE INDEX ON holds (person_id) WHERE person_id IS NOT NULL;

-- Which hold covers which sandbox: said once, for the server and the gateway. The gateway reads no reasons and no names.
CREATE VIEW sandboxes_held AS
  SELECT sandboxes.id AS sandbox_id, holds.id AS hold_id FROM sandboxes
  JOIN holds ON holds.scope = 'everything' OR holds.sandbox_id = sandboxes.id OR holds.person_id = sandboxes.owner_id;

CREATE TRIGGER doors AFTER INSERT OR DELETE ON holds FOR EACH STATEMENT EXECUTE FUNCTION notify_doors();

GRANT SELECT, INSERT, DELETE ON holds TO backlot_server;
GRANT SELECT ON sandboxes_held TO backlot_server, backlot_gateway;

-- Counts the starts of a sandbox: what was begun for one of them must not go on in the next, with a stop in between.
ALTER TABLE sandboxes ADD COLUMN starts integer NOT NULL DEFAULT 0;
