-- What security looks for beside people and sandboxes: one prototype, some kinds, a stretch of time.
CREATE INDEX ON audit_events (prototype, arrival) WHERE prototype IS NOT NULL;
CREATE INDEX ON audit_events (kind, arrival);
CREATE INDEX ON audit_events (at_ms);
