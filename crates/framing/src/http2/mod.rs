//! Frames of HTTP/2 (RFC 9113): their form, and how many of each kind a client may send.
//!
//! * [`Guard`] reads what both ends send, as it passes: the client's bytes before the server sees them, the server's after
//!   they went out. Of a frame it reads the head and at most six bytes of the payload;
//! * [`Refusal`] says by name why a client is refused, [`Counted`] what it sent too much of;
//! * [`bounds`] holds every number with its reason.
//!
//! It stands before a parser that acts on a frame only when the frame is whole (as h2 does), so it need not hold bytes
//! back: a frame that is refused has not been passed on whole. It knows nothing of header fields; their compression
//! (RFC 7541) has one reader, and that is the parser.
//!
//! It must never refuse what an honest client sends, however busy: what an exchange needs, such as window updates for
//! the data it carries, is earned by the exchange itself.

pub mod bounds;
mod bucket;
mod client;
mod frame;
mod guard;
mod refusal;
mod server;

pub use guard::{Guard, Refused};
pub use refusal::{Counted, Refusal};
pub use server::Sent;
