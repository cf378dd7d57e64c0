-- Each event becomes an entry of the log. `hash` is the hash of that entry as a leaf (RFC 6962, section 2.1); the entry names
-- the hash of the one before it, so the rows are a chain that anyone can compute again. `txn` is the transaction it is about.
ALTER TABLE event ADD COLUMN hash {bytes};
ALTER TABLE event ADD COLUMN txn TEXT;

CREATE INDEX event_txn ON event (txn) WHERE txn IS NOT NULL;

-- The head of the tree, in one row. `lease` grows with every sequencer that takes over, so that an older one loses. The
-- checkpoint is the last that was signed, for `checkpoint_size` entries.
CREATE TABLE log_head (
    one {int} PRIMARY KEY CHECK (one = 1),
    size {int} NOT NULL,
    root {bytes} NOT NULL,
    lease {int} NOT NULL,
    checkpoint TEXT,
    checkpoint_size {int} NOT NULL
);

-- Tiles as they are served, of each place the widest: the first hashes of it are every narrower one.
CREATE TABLE log_tile (
    level {int} NOT NULL,
    place {int} NOT NULL,
    width {int} NOT NULL,
    hashes {bytes} NOT NULL,
    PRIMARY KEY (level, place)
);

-- Bundles of entries as they are served, of each place the widest.
CREATE TABLE log_bundle (
    place {int} PRIMARY KEY,
    width {int} NOT NULL,
    entries {bytes} NOT NULL
);
