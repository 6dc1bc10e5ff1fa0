-- What a relay has to know of an event: when it is tried again, or that it was given up, and why. sqlite/002_relay.sql
-- has the same columns.

ALTER TABLE outbox
  ADD COLUMN due_at timestamptz,
  ADD COLUMN dead_at timestamptz,
  ADD COLUMN reason text;

CREATE INDEX outbox_waiting ON outbox (id) WHERE sent_at IS NULL AND dead_at IS NULL;

-- Empty but for events that were refused, so it costs nothing to write new ones.
CREATE INDEX outbox_put_off ON outbox (key, id) WHERE due_at IS NOT NULL AND sent_at IS NULL AND dead_at IS NULL;

CREATE FUNCTION feedmill_ring() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify(TG_ARGV[0], '');
  RETURN NULL;
END
$$;

-- Once a statement; the server sends equal notifications of a transaction once, with its commit.
CREATE TRIGGER feedmill_ring AFTER INSERT ON outbox
  FOR EACH STATEMENT EXECUTE FUNCTION feedmill_ring('feedmill_outbox');
CREATE TRIGGER feedmill_ring AFTER INSERT ON product_integration_staging
  FOR EACH STATEMENT EXECUTE FUNCTION feedmill_ring('feedmill_staging');
