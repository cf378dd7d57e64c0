//! Receipts: what a customer can show to anyone, and anyone can check offline.
//!
//! * [`Terms`] and [`Outcome`] are what a receipt says; the log entry of the outcome carries a digest of every part of it,
//!   so the one leaf proves the whole (`countersign_intent::receipt`);
//! * [`Receipts`] keeps the terms sealed under the customer's data key from the Sealed write on, and makes the receipt
//!   when it is asked for: with the outcome as its leaf tells it, the newest checkpoint, and the proof that the leaf is under
//!   it.
//!
//! Standards: RFC 8785 (what is hashed), RFC 6962 (inclusion proof), C2SP `signed-note` and `tlog-checkpoint`. It must never
//! put a token, a DPoP proof or a cookie into a receipt, nor give one to anybody but its owner.

mod keep;
mod render;
mod terms;
#[cfg(test)]
mod tests;

pub use keep::{ReceiptError, Receipts};
pub use render::{Found, Receipt};
pub use terms::{Decision, Outcome, PaymentSignature, RequestFacts, TermDigests, Terms};
