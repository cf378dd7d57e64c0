-- Keys of the keyed pseudonyms, sealed by the keyring.
CREATE TABLE pseudonym_key (
    name TEXT PRIMARY KEY,
    sealed {bytes} NOT NULL
);

-- One data key per customer, sealed by the keyring. Without the row nothing of the customer can be read again.
CREATE TABLE customer_key (
    customer TEXT PRIMARY KEY,
    sealed {bytes} NOT NULL
);

-- Customers. The username is found by its keyed index; it, display name, locale and accounts are sealed.
CREATE TABLE customer (
    id TEXT PRIMARY KEY,
    username_index {bytes} NOT NULL UNIQUE,
    profile {bytes} NOT NULL,
    accounts {bytes} NOT NULL,
    created_at {int} NOT NULL,
    locked_at {int}
);

CREATE INDEX customer_locked ON customer (locked_at) WHERE locked_at IS NOT NULL;

-- Password hashes as PHC strings; `pepper` names the key of the keyring that went into it, `imported` is SHA-256 of the
-- PHC string that came from elsewhere, kept when the hash is made anew.
CREATE TABLE password (
    customer TEXT PRIMARY KEY,
    phc TEXT NOT NULL,
    pepper TEXT,
    imported {bytes},
    changed_at {int} NOT NULL
);

-- TOTP secrets, sealed under the customer's data key. A step at or below `last_step` is not accepted again.
CREATE TABLE totp (
    customer TEXT PRIMARY KEY,
    secret {bytes} NOT NULL,
    last_step {int} NOT NULL,
    bound_at {int} NOT NULL
);

-- Failures in a row by username index, factor and ledger, kept for names that exist and names that do not alike.
CREATE TABLE throttle (
    name {bytes} NOT NULL,
    factor TEXT NOT NULL,
    ledger TEXT NOT NULL,
    failures {int} NOT NULL,
    blocked_until {int} NOT NULL,
    changed_at {int} NOT NULL,
    PRIMARY KEY (name, factor, ledger)
);

CREATE INDEX throttle_changed ON throttle (changed_at);

-- Devices that proved their key with a login of two factors.
CREATE TABLE device (
    id TEXT PRIMARY KEY,
    customer TEXT NOT NULL,
    client TEXT NOT NULL,
    jkt {bytes} NOT NULL,
    first_login_at {int} NOT NULL,
    UNIQUE (customer, jkt)
);

-- Logins and what grew from them. `idle_limit` is the inactivity, in microseconds, that ends the session.
CREATE TABLE session (
    id TEXT PRIMARY KEY,
    customer TEXT NOT NULL,
    client TEXT NOT NULL,
    key_kind TEXT NOT NULL,
    key_thumbprint {bytes} NOT NULL,
    device TEXT,
    acr {int} NOT NULL,
    amr TEXT NOT NULL,
    auth_time {int} NOT NULL,
    expires_at {int} NOT NULL,
    idle_limit {int},
    last_activity {int} NOT NULL,
    revoked_at {int},
    revoked_reason TEXT
);

CREATE INDEX session_revoked ON session (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX session_customer ON session (customer);
