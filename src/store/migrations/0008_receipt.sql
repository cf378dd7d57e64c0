-- What the receipts of payments say. `terms` is everything that stood fast before the payment was sent, sealed under the
-- customer's data key; `answer` is what became of it, absent until that is known.
CREATE TABLE receipt (
    txn TEXT PRIMARY KEY,
    customer_id TEXT NOT NULL,
    opened_at {int} NOT NULL,
    terms {bytes} NOT NULL,
    answer TEXT
);
CREATE INDEX receipt_customer ON receipt (customer_id, opened_at);
