//! How an answer of the gateway's own looks on the wire: problems (RFC 9457) with their headers, and errors of OAuth
//! endpoints (RFC 6749, section 5.2).
//!
//! It is the only place that knows how an error looks. It must never put into an answer what a fault keeps for the log.

mod oauth;
mod problem;
mod security_headers;
mod unread;

pub use oauth::{OauthError, add_dpop_nonce, oauth_answer, oauth_error, oauth_refusal, published};
pub use problem::problem;
pub use security_headers::add_security_headers;
pub use unread::{NoRoom, Unread, read_whole};

/// Among the extensions of an answer: the connection ends with it.
#[derive(Clone, Copy, Debug)]
pub struct HangUp;

/// The body of every request and answer inside the gateway, whatever door it came by.
pub type Body = axum::body::Body;
