//! What a backend links to know who stands behind a request that the gateway forwarded, what they agreed to, and which
//! policy let it pass.
//!
//! * [`Verifier`] checks in one call the gateway's signature (RFC 9421), the body's digest (RFC 9530), freshness and
//!   replay, the Txn-Token (draft-ietf-oauth-transaction-tokens), the intent's digest, and the client's own payment
//!   signature;
//! * [`VerifyLayer`] does the same in front of any tower service, and [`AnswerSigner`] signs what goes back;
//! * [`Executions`] is the record in which a transaction is accepted once;
//! * [`verify_receipt`] verifies a payment's receipt offline (RFC 6962, C2SP `tlog-checkpoint`);
//! * [`FetchKeys`] fetches the gateway's public keys, all that this crate shares with the gateway.
//!
//! It must never take a key, an algorithm, an issuer or an audience from the request it verifies, and never let a
//! request pass because something could not be checked.
//!
#![doc = include_str!("../README.md")]

mod answer;
mod builder;
mod clock;
mod document;
mod executions;
mod fetch;
mod forwarded;
mod gateway_signature;
#[cfg(feature = "fetch")]
mod https;
mod keys;
mod layer;
mod nonces;
mod payment_signature;
mod receipt;
mod received;
mod refusal;
mod txn_token;
mod verified;
mod verifier;

pub use answer::{ANSWER_LABEL, ANSWER_TAG, AnswerError, AnswerSigner};
pub use builder::{BuildError, VerifierBuilder};
pub use clock::{Clock, SystemClock};
pub use executions::{Execution, Executions, ExecutionsError, MemoryExecutions, Recording};
pub use fetch::{FetchError, FetchKeys, Fetched, Fetching};
pub use gateway_signature::{CLIENT_LABEL, GATEWAY_LABEL, PAYMENT_LABEL};
#[cfg(feature = "fetch")]
pub use https::HttpsFetcher;
pub use layer::{AnswerBody, VerifyLayer, VerifyService};
pub use receipt::{
    PaymentEvidence, PaymentFault, ReceiptFault, ReceiptTrust, ReceiptTrustError, VerifiedReceipt,
    verify_receipt,
};
pub use refusal::Refusal;
pub use verified::{Approval, ClientSignature, Evidence, Verified};
pub use verifier::Verifier;

/// The examples of the guide compile.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/integrate-a-backend.md")]
struct Guide;
