//! A guard between TLS and an HTTP parser.
//!
//! * [`http1`]: messages of HTTP/1.1 (RFC 9112), requests and answers;
//! * [`http2`]: frames of HTTP/2 (RFC 9113) that a client sends, counted against what an honest one needs.
//!
//! It must never do I/O, never read a clock, never hold more than its bounds, and never let a byte through that it has not
//! judged.
//!
#![doc = include_str!("../README.md")]

pub mod http1;
pub mod http2;
