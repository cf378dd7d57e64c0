//! Messages of HTTP/1.1 (RFC 9112): heads and bodies whose length can be read in one way only.
//!
//! [`Guard`] is given the bytes of one direction of a connection as they come, [`Guard::for_requests`] of a client's,
//! [`Guard::for_answers`] of a backend's, and says how many of them may pass. What it refuses has a [`Reason`].
//!
//! It must never pass a part of a head, never change a byte, never hold bytes of its own, and never pass anything after a
//! refusal. Where RFC 9112 lets a recipient choose between repairing and refusing, it refuses.

mod authority;
mod chunked;
mod field;
mod guard;
mod head;
mod limits;
mod line;
mod reason;
mod start_line;

pub use guard::{Asked, Guard, Verdict, Witness};
pub use limits::Limits;
pub use reason::{Kind, Reason};
pub use start_line::check_translated;
