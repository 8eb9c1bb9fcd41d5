-- A provider on our own machines must have an address there; true: an admin has accepted one that has not.
ALTER TABLE providers ADD COLUMN unsafe_local boolean NOT NULL DEFAULT false CHECK (NOT unsafe_local OR place = 'local');
GRANT SELECT (unsafe_local) ON providers TO backlot_server;
