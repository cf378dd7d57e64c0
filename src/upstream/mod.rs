//! Backends: which there are, which of their addresses is well, and how a sealed request gets there and its answer back.
//!
//! Where an upstream has `answer_keys`, an answer on a signed route counts only under the backend's signature (RFC 9421).
//! Requests go by HTTP/1.1 (RFC 9112) over pooled TLS 1.3 connections, mutually authenticated where configured; the
//! backend's certificate and name are verified against the upstream's own authorities (TLS-11).
//!
//! What comes back is framed as strictly as what clients send.
//!
//! It must never send anything but a [`Sendable`], never send a request again of which a byte may have left, never fall
//! back to plain text or to other authorities, and never pass on what a backend may not say to a browser on our origin.

mod alarm;
mod answer_signature;
mod balance;
mod cluster;
mod collect;
mod connect;
mod endpoint;
mod exchange;
mod headers;
mod health;
mod latest_start;
mod pool;
mod request_head;
mod room;
mod send;
mod tally;
mod transport;

#[cfg(test)]
mod tests;

pub use cluster::{ClientIdentity, ClusterError, Clusters, UpstreamLimits, UpstreamSettings};
pub use headers::remove_hop_by_hop;
pub use latest_start::LatestStart;
pub use send::{Answer, SendError, Sendable, send};
