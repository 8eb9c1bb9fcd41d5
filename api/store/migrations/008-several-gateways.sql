-- Which instance of the gateway holds a sandbox's sockets: chosen when it is made, and changed only when nobody holds that
-- instance any more (server/nodes/). Those of before stay where they are.
ALTER TABLE sandboxes ADD COLUMN gateway integer NOT NULL DEFAULT 0 CHECK (gateway >= 0);
CREATE TRIGGER doors_moved AFTER UPDATE OF gateway ON sandboxes FOR EACH STATEMENT EXECUTE FUNCTION notify_doors();
