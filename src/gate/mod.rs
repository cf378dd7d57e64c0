//! The gate: the journey of one request, as a chain of types.
//!
//! ```text
//! Arrived ─admit→ Admitted ─identify→ Identified ─attest→ Attested ─permit→ Permitted ─seal→ Sealed ─forward→ Answered
//!    └───────────────┴───────────────────┴──── Refused ─────┴──────────────────┴── (problem+json, and an event)
//! ```
//!
//! Each stage's type lives in that stage's file with private fields, and its only constructor is the function there that
//! consumes the previous type: a request that skipped a check cannot be written down. [`journey`] is the chain on one
//! page. [`Sealed`] is the one type that `upstream::send` takes. A payment whose answer never came is settled beside the
//! journey, by [`Settlement`]: what it sends is [`Sealed`] too, and can be a question about that payment or, where a backend
//! executes a key once, the same request again.
//!
//! Standards: RFC 6750, 9449, 8705 and 9470 (identify), RFC 9421 and 9530 and the FAPI 2.0 HTTP Signatures draft (attest),
//! draft-ietf-httpapi-idempotency-key-header (seal), draft-ietf-oauth-transaction-tokens and RFC 7239 (outbound head).
//!
//! It must never consume anything before the Sealed write, read the clock or the policies twice for one request, or put
//! a header on the way out that is not on the allow-list.

mod access;
mod admit;
mod answer_signature;
mod attest;
mod evidence;
mod exchange;
mod forward;
mod identify;
mod journey;
mod kept;
mod limits;
mod media_type;
mod nonce;
mod open_payments;
mod order;
mod outbound_head;
mod permit;
mod probe;
mod questions;
mod recall;
mod receipt;
mod refusal;
mod said;
mod seal;
mod sealed_write;
mod settle;
mod snapshot;
mod spare;
mod tally;
#[cfg(test)]
mod tests;
mod txn_token;
mod visitor;

pub use admit::{Admitted, Arrived};
pub use attest::Attested;
pub use identify::Identified;
pub use journey::{Gate, OwnPaths, Services};
pub use nonce::{forget_used_nonces, remembered_nonces};
pub use open_payments::OpenPayments;
pub use permit::Permitted;
pub use seal::Sealed;
pub use settle::Settlement;
pub use snapshot::{Snapshot, SnapshotError};
pub use visitor::Visitor;
