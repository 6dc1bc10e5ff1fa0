-- Offers that a dealer's snapshot did not list any more: never deleted, but marked with the run that found out. An offer
-- that is listed again comes back. postgres/006_snapshot.sql has the same columns and words.

ALTER TABLE product_dealers ADD COLUMN discontinued_by text;

-- The CHECKs of two tables get one word more. SQLite has no statement for that. Its documentation of ALTER TABLE ("Making
-- Other Kinds Of Table Schema Changes") has a long way, to write the table anew, and a short one for constraints, to change
-- the words of its declaration. It is the short one, because the long one loses what others have put on the table: columns,
-- triggers, indexes, and the rows of their tables that refer to it.
PRAGMA writable_schema = ON;
UPDATE sqlite_master
  SET sql = replace(sql, '(''inserted'', ''updated'')', '(''inserted'', ''updated'', ''discontinued'')')
  WHERE type = 'table' AND name = 'outbox';
-- Its rows of that kind are of no feed: feed -1, numbered by dealer and product.
UPDATE sqlite_master
  SET sql = replace(sql, '''duplicate'', ''failed'')', '''duplicate'', ''failed'', ''discontinued'')')
  WHERE type = 'table' AND name = 'product_integration';
PRAGMA writable_schema = RESET;
