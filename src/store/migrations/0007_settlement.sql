-- What finding out about an open payment needs, kept until its outcome is known (design 6).
-- `likeness` is a keyed hash of customer, debtor, payee, amount and currency: equal payments have the same.
ALTER TABLE idempotency ADD COLUMN likeness {bytes};
-- Which backend it went to.
ALTER TABLE idempotency ADD COLUMN upstream TEXT;
-- How to ask for it, or what to send again; sealed.
ALTER TABLE idempotency ADD COLUMN settlement_order {bytes};
-- How an unknown outcome was found out: `probe`, `retry` or `hold`.
ALTER TABLE idempotency ADD COLUMN settled_by TEXT;
CREATE INDEX idempotency_unknown_likeness ON idempotency (likeness) WHERE state = 'unknown';
