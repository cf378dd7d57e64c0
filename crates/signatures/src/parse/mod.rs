//! Reading `Signature-Input` and `Signature` (RFC 9421, section 4; RFC 9651).
//!
//! It must never believe what it reads: entries are only material for [`Entry::check`](crate::Entry::check) and
//! [`Entry::verify`](crate::Entry::verify).

mod signatures;
mod visitor;

pub use signatures::{MAX_LABELS, ParseError, SelectError, Signatures};
