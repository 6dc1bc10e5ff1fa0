-- Dealers, products, what each dealer asks for a product, what became of each record, and the events to tell others.
-- sqlite/001_products.sql has the same tables with the same meaning. Surrogate ids differ between runs; what identifies
-- a row is a dealer's code and a product's sku.

CREATE TABLE dealers (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE CHECK (code <> ''),
  name text
);

CREATE TABLE products (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  sku text NOT NULL UNIQUE CHECK (sku <> ''),
  gtin text,
  title text NOT NULL,
  brand text,
  category text,
  description text
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02);

-- Room on each page keeps an update of a price on its page, and out of the indexes.
CREATE TABLE product_dealers (
  dealer_id bigint NOT NULL REFERENCES dealers,
  product_id bigint NOT NULL REFERENCES products,
  price numeric NOT NULL CHECK (price >= 0),
  currency text NOT NULL,
  stock bigint NOT NULL CHECK (stock >= 0),
  condition text NOT NULL,
  url text NOT NULL,
  weight_kg double precision,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (product_id, dealer_id)
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02);

-- Raw records that something else put here, as text; marked by the run that processed them, with their record numbers
-- in it.
CREATE TABLE product_integration_staging (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
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
  record bigint,
  received_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX product_integration_staging_waiting ON product_integration_staging (id) WHERE processed_by IS NULL;

-- What became of records: a row for each one inserted, updated or failed; others are counted in feedmill_ledger, and
-- have a row where that was asked for. A failed record has its first finding here, and all of them in the reject file.
CREATE TABLE product_integration (
  run_id text NOT NULL,
  feed integer NOT NULL,
  record bigint NOT NULL,
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
-- caused it, so it is the same however often a run is resumed. Nobody looks into a payload here, and json is written a
-- quarter faster than jsonb.
CREATE TABLE outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event_id text NOT NULL UNIQUE,
  key text NOT NULL,
  op text NOT NULL CHECK (op IN ('inserted', 'updated')),
  payload json NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  attempts integer NOT NULL DEFAULT 0,
  sent_at timestamptz
) WITH (fillfactor = 90);
