-- A sandbox's `policy_version` is the version that it is judged by: always the newest of its policy. What only a new container can
-- change may be older: then `container_version` names the version that still holds for it, until its next start.
ALTER TABLE sandboxes ADD COLUMN container_version integer;
UPDATE sandboxes SET container_version = sandboxes.policy_version, policy_version = newest.version
  FROM policies_in_force AS newest
  WHERE newest.name = sandboxes.policy_name AND newest.version > sandboxes.policy_version AND sandboxes.state <> 'removed';
ALTER TABLE sandboxes ADD CHECK (container_version < policy_version);
-- Why a sandbox that people worked in is being made anew; null when it is not.
ALTER TABLE sandboxes ADD COLUMN rebuilt_for text CHECK (rebuilt_for IN ('policy-narrowed', 'policy-applied'));
