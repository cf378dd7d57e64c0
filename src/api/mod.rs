//! The gateway's own resources, as routers that `server` mounts beside the routes of the configuration.
//!
//! * [`oauth`] is the authorization server on the wire: RFC 6749, 7009, 7662, 8414, draft-ietf-oauth-first-party-apps;
//! * [`log`] is what everyone may read of the audit log: C2SP tlog-tiles;
//! * [`published_keys`] are the public keys of the gateway;
//! * [`receipts`] are what a customer keeps of a payment.
//!
//! Handlers are thin: they read a request, call the service, and let `answer` say how the result looks. They must never
//! decide anything themselves.

pub mod log;
pub mod oauth;
mod published_keys;
pub mod receipts;
