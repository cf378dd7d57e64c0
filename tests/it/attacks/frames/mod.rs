//! Attacks with frames of HTTP/2 that no library would send (H2-01 to H2-08).

mod bomb;
mod floods;
mod malformed;
mod resets;
