-- Offers that a dealer's snapshot did not list any more: never deleted, but marked with the run that found out. An offer
-- that is listed again comes back. sqlite/006_snapshot.sql has the same columns and words.

ALTER TABLE product_dealers ADD COLUMN discontinued_by text;

ALTER TABLE outbox
  DROP CONSTRAINT outbox_op_check,
  ADD CONSTRAINT outbox_op_check CHECK (op IN ('inserted', 'updated', 'discontinued'));

-- Their rows are of no feed: feed -1, numbered by dealer and product.
ALTER TABLE product_integration
  DROP CONSTRAINT product_integration_outcome_check,
  ADD CONSTRAINT product_integration_outcome_check
  CHECK (outcome IN ('inserted', 'updated', 'unchanged', 'duplicate', 'failed', 'discontinued'));
