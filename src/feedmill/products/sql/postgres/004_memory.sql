-- What runs have stored, as hashes by key, so that a feed's unchanged records need not be sent here: see memory.py.
-- sqlite/004_memory.sql has the same tables with the same meaning.

CREATE TABLE feedmill_memory (
  id integer PRIMARY KEY CHECK (id = 1),
  owner text NOT NULL DEFAULT '',
  seed bigint NOT NULL DEFAULT 0,
  compacted bigint NOT NULL DEFAULT 0,
  is_writing integer NOT NULL DEFAULT 0
);
INSERT INTO feedmill_memory (id) VALUES (1);

-- Entries of 40 bytes; of one record the last one counts, by id. They do not compress.
CREATE TABLE feedmill_hashes (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  entries bytea NOT NULL
);
ALTER TABLE feedmill_hashes ALTER COLUMN entries SET STORAGE EXTERNAL;

-- A row says that somebody else has changed the tables; then the hashes say nothing.
CREATE TABLE feedmill_outside (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY
);
INSERT INTO feedmill_outside DEFAULT VALUES;

-- One such row is enough; but a transaction that sees the tables as they once were may see one that is gone.
CREATE FUNCTION feedmill_note_outside() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT
AS $$
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed'
    OR NOT EXISTS (SELECT 1 FROM feedmill_outside)
  THEN
    INSERT INTO feedmill_outside DEFAULT VALUES;
  END IF;
  RETURN NULL;
END
$$;

-- Once a statement, and not for those of the run that keeps the hashes. What is new has no hash that could be wrong.
CREATE TRIGGER feedmill_outside AFTER UPDATE OR DELETE OR TRUNCATE ON products
  FOR EACH STATEMENT WHEN (current_setting('feedmill.remembers', true) IS DISTINCT FROM 'on')
  EXECUTE FUNCTION feedmill_note_outside();
CREATE TRIGGER feedmill_outside AFTER UPDATE OR DELETE OR TRUNCATE ON product_dealers
  FOR EACH STATEMENT WHEN (current_setting('feedmill.remembers', true) IS DISTINCT FROM 'on')
  EXECUTE FUNCTION feedmill_note_outside();
CREATE TRIGGER feedmill_outside AFTER UPDATE OF code OR DELETE OR TRUNCATE ON dealers
  FOR EACH STATEMENT WHEN (current_setting('feedmill.remembers', true) IS DISTINCT FROM 'on')
  EXECUTE FUNCTION feedmill_note_outside();
