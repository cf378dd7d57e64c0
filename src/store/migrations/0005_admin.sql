-- 0005_admin
-- Who may use the admin listener, known by their client certificate (SHA-256 of its DER, base64url).
CREATE TABLE admin (
    name TEXT PRIMARY KEY,
    person TEXT NOT NULL,
    roles TEXT NOT NULL,
    certificate_thumbprint TEXT NOT NULL UNIQUE,
    created_at {int} NOT NULL,
    disabled_at {int}
);
