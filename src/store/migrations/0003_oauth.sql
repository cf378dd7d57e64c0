-- Registered clients: the metadata of RFC 7591 as JSON.
CREATE TABLE client (
    client_id TEXT PRIMARY KEY,
    profile TEXT NOT NULL,
    metadata TEXT NOT NULL,
    created_at {int} NOT NULL,
    changed_at {int} NOT NULL,
    disabled_at {int}
);

-- Authorization codes by their SHA-256; a used one stays until it would have expired, so that reuse is seen.
CREATE TABLE authorization_code (
    hash {bytes} PRIMARY KEY,
    session TEXT NOT NULL,
    client TEXT NOT NULL,
    code_challenge TEXT NOT NULL,
    scope TEXT NOT NULL,
    expires_at {int} NOT NULL,
    used_at {int}
);

CREATE INDEX authorization_code_expires ON authorization_code (expires_at);

-- Refresh tokens by their SHA-256; a rotated one stays, so that its reuse is seen.
CREATE TABLE refresh_token (
    hash {bytes} PRIMARY KEY,
    session TEXT NOT NULL,
    client TEXT NOT NULL,
    scope TEXT NOT NULL,
    issued_at {int} NOT NULL,
    expires_at {int} NOT NULL,
    rotated_at {int}
);

CREATE INDEX refresh_token_expires ON refresh_token (expires_at);

-- Identifiers of DPoP proofs dated ahead of our clock: after a restart they would otherwise look new.
CREATE TABLE proof_ahead (
    hash {bytes} PRIMARY KEY,
    until {int} NOT NULL
);
