-- The newest version of each policy: what "in force" means, said once.
CREATE VIEW policies_in_force AS
  SELECT DISTINCT ON (name) name, version, hash, body, source, origin, file_hash, created_by, created_at
  FROM policies ORDER BY name, version DESC;

GRANT SELECT ON policies_in_force TO backlot_server, backlot_gateway;
