-- Payees a customer trusts (SCA-17). `payee` is a keyed hash: the account itself is not kept here.
CREATE TABLE trusted_payee (
    customer_id TEXT NOT NULL,
    payee {bytes} NOT NULL,
    since {int} NOT NULL,
    PRIMARY KEY (customer_id, payee)
);

-- What passed as low-value since the last strong authentication, for each customer, account and currency (SCA-19).
CREATE TABLE low_value (
    customer_id TEXT NOT NULL,
    account {bytes} NOT NULL,
    payments {int} NOT NULL,
    sum_minor {int} NOT NULL,
    PRIMARY KEY (customer_id, account)
);

-- What became of every payment, by the hash of client, customer, route and Idempotency-Key.
CREATE TABLE idempotency (
    scope {bytes} PRIMARY KEY,
    customer_id TEXT NOT NULL,
    fingerprint {bytes} NOT NULL,
    txn TEXT NOT NULL,
    state TEXT NOT NULL,
    reserved_at {int} NOT NULL,
    ended_at {int},
    answer {bytes}
);
CREATE INDEX idempotency_open ON idempotency (state, reserved_at);

-- Nonces of signatures that moved money, kept until the signature is stale anyway.
CREATE TABLE used_nonce (
    nonce {bytes} PRIMARY KEY,
    until {int} NOT NULL
);
CREATE INDEX used_nonce_until ON used_nonce (until);

-- Public keys by their RFC 7638 thumbprints: what a token's `cnf.jkt` stands for. A thumbprint names one key for ever.
CREATE TABLE bound_key (
    jkt {bytes} PRIMARY KEY,
    jwk TEXT NOT NULL
);
