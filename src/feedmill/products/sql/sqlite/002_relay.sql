-- What a relay has to know of an event: when it is tried again, or that it was given up, and why. postgres/002_relay.sql
-- has the same columns.

ALTER TABLE outbox ADD COLUMN due_at text;
ALTER TABLE outbox ADD COLUMN dead_at text;
ALTER TABLE outbox ADD COLUMN reason text;

CREATE INDEX outbox_waiting ON outbox (id) WHERE sent_at IS NULL AND dead_at IS NULL;
CREATE INDEX outbox_put_off ON outbox (key, id) WHERE due_at IS NOT NULL AND sent_at IS NULL AND dead_at IS NULL;
