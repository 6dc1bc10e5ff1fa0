-- What each dealer's part of its last accepted run was like; `process --gate` compares with it, and writes it with the
-- end of the run. sqlite/005_gate.sql has the same table.

CREATE TABLE feedmill_profiles (
  dealer_id bigint PRIMARY KEY REFERENCES dealers ON DELETE CASCADE,
  run_id text NOT NULL,
  feeds text NOT NULL,
  accepted_at text NOT NULL,
  profile text NOT NULL
);
