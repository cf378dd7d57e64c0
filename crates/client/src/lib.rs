//! What a client app links: login without a browser, proof of its key, signed requests and payments against a
//! Countersign gateway.
//!
//! * [`Client`] knows one gateway and one app; it logs in (draft-ietf-oauth-first-party-apps, PKCE by RFC 7636, DPoP
//!   by RFC 9449), refreshes and revokes a [`Session`];
//! * [`Client::get`] reads, [`Client::send_signed`] sends what has to be signed (RFC 9421, RFC 9530),
//!   [`Client::pay`] pays an [`Order`] and says what became of it ([`PaymentOutcome`]);
//! * answers to signed requests count only with the gateway's signature for exactly that request.
//!
//! It must never send a payment a second time by itself, print a secret, or take an answer for granted that anybody
//! could have given.
//!
#![doc = include_str!("../README.md")]

mod answer_signature;
mod challenge;
mod client;
mod clock;
mod dpop;
mod entropy;
mod error;
mod gateway_keys;
mod key;
mod login;
mod metadata;
mod oauth;
mod outcome;
mod payment;
mod pkce;
mod problem;
mod request_signature;
mod resource;
mod secret;
mod session;
mod transport;
mod url;

pub use answer_signature::AnswerFault;
pub use client::{Authentication, Client, ClientBuilder};
pub use clock::{Clock, SystemClock};
pub use entropy::{Entropy, SystemEntropy};
pub use error::Error;
pub use key::ClientKey;
pub use login::{Factor, LoginRequest, LoginStep, PendingLogin};
pub use outcome::{Executed, PaymentOutcome};
pub use payment::{Order, Payment};
pub use problem::{ApprovalDemand, Problem};
pub use resource::SignedRequest;
pub use secret::Secret;
pub use session::Session;
pub use transport::Answer;

/// The examples of the guide compile.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/integrate-a-client.md")]
struct Guide;
