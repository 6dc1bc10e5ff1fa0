-- Offers that a dealer's snapshot did not list any more: never deleted, but marked with the run that found out. An offer
-- that is listed again comes back. postgres/006_snapshot.sql has the same columns and words.

ALTER TABLE product_dealers ADD COLUMN discontinued_by text;

-- SQLite cannot change a CHECK, so these two are written anew, with one word more in it.
CREATE TABLE feedmill_new_outbox (
  id integer PRIMARY KEY,
  event_id text NOT NULL UNIQUE,
  key text NOT NULL,
  op text NOT NULL CHECK (op IN ('inserted', 'updated', 'discontinued')),
  payload text NOT NULL,
  created_at text NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  attempts integer NOT NULL DEFAULT 0,
  sent_at text,
  due_at text,
  dead_at text,
  reason text
);
INSERT INTO feedmill_new_outbox
  SELECT id, event_id, key, op, payload, created_at, attempts, sent_at, due_at, dead_at, reason FROM outbox;
DROP TABLE outbox;
ALTER TABLE feedmill_new_outbox RENAME TO outbox;
CREATE INDEX outbox_waiting ON outbox (id) WHERE sent_at IS NULL AND dead_at IS NULL;
CREATE INDEX outbox_put_off ON outbox (key, id) WHERE due_at IS NOT NULL AND sent_at IS NULL AND dead_at IS NULL;

-- Their rows are of no feed: feed -1, numbered by dealer and product.
CREATE TABLE feedmill_new_integration (
  run_id text NOT NULL,
  feed integer NOT NULL,
  record integer NOT NULL,
  dealer_code text,
  sku text,
  status text NOT NULL CHECK (status IN ('success', 'failure')),
  outcome text NOT NULL
    CHECK (outcome IN ('inserted', 'updated', 'unchanged', 'duplicate', 'failed', 'discontinued')),
  code text,
  "column" text,
  message text,
  mended_by text,
  mended_record integer,
  PRIMARY KEY (run_id, feed, record)
);
INSERT INTO feedmill_new_integration
  SELECT run_id, feed, record, dealer_code, sku, status, outcome, code, "column", message, mended_by, mended_record
  FROM product_integration;
DROP TABLE product_integration;
ALTER TABLE feedmill_new_integration RENAME TO product_integration;
