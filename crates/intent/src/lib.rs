//! What a customer agreed to, as one canonical value: money, canonical JSON (RFC 8785), intent and approval digests.
