-- A payment writes fewer pages. Only open payments are looked for by their state, and they are few: an index of them alone
-- stays one page, however many payments there were.
DROP INDEX idempotency_open;
CREATE INDEX idempotency_open ON idempotency (state, reserved_at) WHERE state = 'reserved' OR state = 'unknown';

-- Used nonces lie in their key's tree, and not in a second one beside it.
ALTER TABLE used_nonce RENAME TO used_nonce_before;
DROP INDEX used_nonce_until;
CREATE TABLE used_nonce (
    nonce {bytes} PRIMARY KEY,
    until {int} NOT NULL
) {in the key's tree};
INSERT INTO used_nonce (nonce, until) SELECT nonce, until FROM used_nonce_before;
DROP TABLE used_nonce_before;
CREATE INDEX used_nonce_until ON used_nonce (until);
