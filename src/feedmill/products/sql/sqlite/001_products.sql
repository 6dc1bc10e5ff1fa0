-- Dealers, products, what each dealer asks for a product, what became of each record, and the events to tell others.
-- postgres/001_products.sql has the same tables with the same meaning. Moments are ISO 8601 texts in UTC; prices keep
-- their value, as a number of at most 15 digits does.

CREATE TABLE dealers (
  id integer PRIMARY KEY,
  code text NOT NULL UNIQUE CHECK (code <> ''),
  name text
);

CREATE TABLE products (
  id integer PRIMARY KEY,
  sku text NOT NULL UNIQUE CHECK (sku <> ''),
  gtin text,
  title text NOT NULL,
  brand text,
  category text,
  description text
);

CREATE TABLE product_dealers (
  dealer_id integer NOT NULL REFERENCES dealers,
  product_id integer NOT NULL REFERENCES products,
  price numeric NOT NULL CHECK (price >= 0),
  currency text NOT NULL,
  stock integer NOT NULL CHECK (stock >= 0),
  condition text NOT NULL,
  url text NOT NULL,
  weight_kg real,
  updated_at text NOT NULL,
  PRIMARY KEY (product_id, dealer_id)
);

-- Raw records that something else put here, as text; marked by the run that processed them, with their record numbers
-- in it.
CREATE TABLE product_integration_staging (
  id integer PRIMARY KEY,
  dealer_code text,
  sku text,
  gtin text,
  title text,
  brand text,
  category text,
  price text,
  currency text,
  stock text,
  condition text,
  url text,
  updated_at text,
  weight_kg text,
  description text,
  processed_by text,
  record integer,
  received_at text NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);

CREATE INDEX product_integration_staging_waiting ON product_integration_staging (id) WHERE processed_by IS NULL;

-- What became of records: a row for each one inserted, updated or failed; others are counted in feedmill_ledger, and
-- have a row where that was asked for. A failed record has its first finding here, and all of them in the reject file.
CREATE TABLE product_integration (
  run_id text NOT NULL,
  feed integer NOT NULL,
  record integer NOT NULL,
  dealer_code text,
  sku text,
  status text NOT NULL CHECK (status IN ('success', 'failure')),
  outcome text NOT NULL CHECK (outcome IN ('inserted', 'updated', 'unchanged', 'duplicate', 'failed')),
  code text,
  "column" text,
  message text,
  PRIMARY KEY (run_id, feed, record)
);

-- Events, written with what they tell of; `feedmill relay` moves them to a broker. An event's id names the record that
-- caused it, so it is the same however often a run is resumed.
CREATE TABLE outbox (
  id integer PRIMARY KEY,
  event_id text NOT NULL UNIQUE,
  key text NOT NULL,
  op text NOT NULL CHECK (op IN ('inserted', 'updated')),
  payload text NOT NULL,
  created_at text NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  attempts integer NOT NULL DEFAULT 0,
  sent_at text
);
