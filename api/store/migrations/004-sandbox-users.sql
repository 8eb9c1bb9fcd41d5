-- Which of the numbered sets of Unix users a sandbox has (contract/programs/runner.ts: usersOf). It is given back only when the
-- container is gone: the kernel counts watches, pipes and inotify instances for each user, and files keep their owner.
ALTER TABLE sandboxes ADD COLUMN user_slot integer CHECK (user_slot >= 0);
UPDATE sandboxes SET user_slot = numbered.slot
  FROM (SELECT id, row_number() OVER (ORDER BY created_at, id) - 1 AS slot FROM sandboxes WHERE state <> 'removed') AS numbered
  WHERE sandboxes.id = numbered.id;
CREATE UNIQUE INDEX ON sandboxes (user_slot);
ALTER TABLE sandboxes ADD CHECK (user_slot IS NOT NULL OR state = 'removed');
