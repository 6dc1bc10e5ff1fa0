-- What runs have stored, as hashes by key, so that a feed's unchanged records need not be sent here: see memory.py.
-- postgres/004_memory.sql has the same tables with the same meaning.

CREATE TABLE feedmill_memory (
  id integer PRIMARY KEY CHECK (id = 1),
  owner text NOT NULL DEFAULT '',
  seed integer NOT NULL DEFAULT 0,
  compacted integer NOT NULL DEFAULT 0,
  is_writing integer NOT NULL DEFAULT 0
);
INSERT INTO feedmill_memory (id) VALUES (1);

-- Entries of 40 bytes; of one record the last one counts, by id.
CREATE TABLE feedmill_hashes (
  id integer PRIMARY KEY,
  entries blob NOT NULL
);

-- A row says that somebody else has changed the tables; then the hashes say nothing.
CREATE TABLE feedmill_outside (
  id integer PRIMARY KEY
);
INSERT INTO feedmill_outside (id) VALUES (1);

-- A run that keeps the hashes says so in is_writing as long as its transactions last, and nobody else ever sees it.
-- Inserts, too: REPLACE deletes a row without telling.
CREATE TRIGGER feedmill_products_update AFTER UPDATE ON products
  WHEN (SELECT is_writing FROM feedmill_memory) = 0
  BEGIN INSERT INTO feedmill_outside SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM feedmill_outside); END;
CREATE TRIGGER feedmill_products_delete AFTER DELETE ON products
  WHEN (SELECT is_writing FROM feedmill_memory) = 0
  BEGIN INSERT INTO feedmill_outside SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM feedmill_outside); END;
CREATE TRIGGER feedmill_products_insert AFTER INSERT ON products
  WHEN (SELECT is_writing FROM feedmill_memory) = 0
  BEGIN INSERT INTO feedmill_outside SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM feedmill_outside); END;
CREATE TRIGGER feedmill_product_dealers_update AFTER UPDATE ON product_dealers
  WHEN (SELECT is_writing FROM feedmill_memory) = 0
  BEGIN INSERT INTO feedmill_outside SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM feedmill_outside); END;
CREATE TRIGGER feedmill_product_dealers_delete AFTER DELETE ON product_dealers
  WHEN (SELECT is_writing FROM feedmill_memory) = 0
  BEGIN INSERT INTO feedmill_outside SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM feedmill_outside); END;
CREATE TRIGGER feedmill_product_dealers_insert AFTER INSERT ON product_dealers
  WHEN (SELECT is_writing FROM feedmill_memory) = 0
  BEGIN INSERT INTO feedmill_outside SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM feedmill_outside); END;
CREATE TRIGGER feedmill_dealers_update AFTER UPDATE OF code ON dealers
  WHEN (SELECT is_writing FROM feedmill_memory) = 0
  BEGIN INSERT INTO feedmill_outside SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM feedmill_outside); END;
CREATE TRIGGER feedmill_dealers_delete AFTER DELETE ON dealers
  WHEN (SELECT is_writing FROM feedmill_memory) = 0
  BEGIN INSERT INTO feedmill_outside SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM feedmill_outside); END;
