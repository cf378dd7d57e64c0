-- Used nonces lie in the order of the dates in their signatures, in one tree: those of a commit go into its last page, and
-- those that have ended are its first. A signature has its date with it, so it can be there only once.
ALTER TABLE used_nonce RENAME TO used_nonce_before;
DROP INDEX used_nonce_until;
CREATE TABLE used_nonce (
    until {int} NOT NULL,
    nonce {bytes} NOT NULL,
    PRIMARY KEY (until, nonce)
) {in the key's tree};
INSERT INTO used_nonce (until, nonce) SELECT until, nonce FROM used_nonce_before;
DROP TABLE used_nonce_before;

-- Receipts are found by their transaction alone.
DROP INDEX receipt_customer;
-- What became of a payment is in the log, in the entry that vouches for the receipt.
ALTER TABLE receipt DROP COLUMN answer;

-- What was dated ahead lies in the order of its end as well, for the same reasons.
ALTER TABLE proof_ahead RENAME TO proof_ahead_before;
CREATE TABLE proof_ahead (
    until {int} NOT NULL,
    hash {bytes} NOT NULL,
    PRIMARY KEY (until, hash)
) {in the key's tree};
INSERT INTO proof_ahead (until, hash) SELECT until, hash FROM proof_ahead_before;
DROP TABLE proof_ahead_before;
