//! Every bound that is not configuration, each with its reason.

use std::time::Duration;

/// Longest `Authorization` credentials read, in bytes: an access token of ours is under 1 KiB.
pub const ACCESS_TOKEN_BYTES: usize = 4 * 1024;
/// Longest DPoP proof read, in bytes: an RSA-4096 key and signature in base64url take about 2 KiB.
pub const DPOP_PROOF_BYTES: usize = 8 * 1024;
/// Longest form body of an OAuth endpoint, in bytes: a client assertion and authorization details fit well.
pub const OAUTH_FORM_BYTES: usize = 64 * 1024;
/// Longest body of an admin request, in bytes.
pub const ADMIN_BODY_BYTES: usize = 256 * 1024;
/// Most header fields of one request (HTTP-11): what hyper 1 reads without being told (`edge::http`).
pub const HEADER_COUNT: usize = 100;
/// Most bytes of one request head (HTTP-11).
pub const HEADER_BYTES: usize = 16 * 1024;
/// Longest request target, in bytes (HTTP-11).
pub const URI_BYTES: usize = 8 * 1024;
/// Longest `Idempotency-Key`, in bytes: a UUID has 36.
pub const IDEMPOTENCY_KEY_BYTES: usize = 255;
/// Longest username, in bytes: as it arrives, before any work is done on it, and in its normal form.
pub const USERNAME_BYTES: usize = 256;
/// Longest password, in bytes, as it arrives and in its normal form: hashing work is bounded by memory and passes, what is read
/// and kept is bounded here (PWD-07).
pub const PASSWORD_BYTES: usize = 1024;
/// Most memory of one password hash, in KiB: 1 GiB. What the configuration may ask for (PWD-06) and what a stored hash may are
/// one bound: a hash made today is still compared tomorrow.
pub const PASSWORD_HASH_KIB: u32 = 1024 * 1024;
/// Most passes of one password hash over its memory: with 1 GiB some twenty seconds.
pub const PASSWORD_HASH_PASSES: u32 = 20;
/// Most lanes of one password hash.
pub const PASSWORD_HASH_LANES: u32 = 16;
/// How far a peer's clock may run behind ours: proofs and signatures older than this are stale (DPOP-06, SIG-10).
pub const PROOF_AGE: Duration = Duration::from_secs(60);
/// How far a peer's clock may run ahead of ours (FAPI-12).
pub const CLOCK_AHEAD: Duration = Duration::from_secs(10);
/// Fewest characters of a signature's `nonce`: 128 bits as base64url.
pub const NONCE_CHARACTERS: usize = 22;
/// Longest `jti` or `nonce` that is remembered, in bytes; a longer one is malformed.
pub const NONCE_BYTES: usize = 256;
/// Life of a `Txn-Token` and of the gateway's own signature.
pub const TXN_TOKEN_LIFE: Duration = Duration::from_secs(60);
/// How long after the date of its `Txn-Token` a request may begin to go out: the rest of the token's life is for its way and
/// for a backend whose clock runs ahead.
pub const BEGINS_WITHIN: Duration = Duration::from_secs(50);
