//! The journey of a request through a whole gateway, on real sockets: what arrives at the end, and at every stage what
//! does not. A refused request never reaches the backend: [`Draft::expect_refusal`](crate::support::Draft) sees to that.

mod access_log;
mod admit;
mod attest_digest;
mod attest_fresh;
mod attest_signature;
mod charter;
mod forged;
mod forward;
mod happy;
mod identify_certificate;
mod identify_proof;
mod identify_token;
mod login;
mod once;
mod permit_policies;
mod permit_transaction;
mod record;
mod reload;
mod start;
