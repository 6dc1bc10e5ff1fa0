-- Where a failed record went that was mended: the run that merged it, and its number there. sqlite/003_retry.sql has the
-- same columns.

ALTER TABLE product_integration ADD COLUMN mended_by text;
ALTER TABLE product_integration ADD COLUMN mended_record bigint;
