//! Demonstrating proof of possession (RFC 9449).
//!
//! * [`proof`] reads and judges one proof, pure;
//! * [`target`] compares `htu` with the URL a request really went to (RFC 3986, section 6.2);
//! * [`nonce`] makes and knows the nonces, without state;
//! * [`verify`](Dpop::verify) adds what needs memory: each `jti` once per key.
//!
//! It must never take the URL from a header of the request, nor accept a proof it cannot remember.

mod nonce;
mod proof;
mod target;
mod verify;

pub use nonce::Nonces;
pub use proof::{DpopRefusal, Proof};
pub use target::normalise;
pub use verify::{Dpop, Place, ProofRequest};
