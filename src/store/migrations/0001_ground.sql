-- Facts about the store itself, such as the development mark and the charter's hash.
CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- Audit events in the order of their commit, each written in the transaction of its effect.
CREATE TABLE event (
    sequence INTEGER PRIMARY KEY,
    at {int} NOT NULL,
    body TEXT NOT NULL,
    salt {bytes} NOT NULL
);

-- The keyring. Private parts are sealed under the key-encryption key.
CREATE TABLE key (
    kid TEXT PRIMARY KEY,
    purpose TEXT NOT NULL,
    state TEXT NOT NULL,
    public_jwk TEXT,
    sealed {bytes},
    created_at {int} NOT NULL,
    active_at {int} NOT NULL,
    retire_at {int},
    destroy_at {int}
);
