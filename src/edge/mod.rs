//! The doors: sockets, TLS and HTTP, up to the moment a request stands before the gate.
//!
//! * [`Listener`] binds every address of a door; [`Certificates`] and [`ClientAuthentication`] make its [`DoorTls`]: TLS 1.3
//!   by RFC 8446 with rustls over ring, ALPN (RFC 7301) `h2` and `http/1.1`; a reload replaces it while connections are open;
//! * [`Edge`] accepts, shakes hands, speaks HTTP/1.1 (RFC 9112) and HTTP/2 (RFC 9113), and hands every request with the
//!   facts of its connection to what implements [`Serve`];
//! * two guards (`countersign_framing`) judge every byte before hyper sees it: what HTTP/1.1 could frame in two ways is
//!   refused (HTTP-01 to HTTP-06), frames of HTTP/2 are counted, and connections that do not take their answers end
//!   (H2-03 to H2-08);
//! * [`Drain`] ends it all without cutting a request short (H2-08).
//!
//! It must never decide who a caller is or what they may do, never answer over anything but TLS (the operations listener
//! aside), never let a request that has begun be dropped because its client hung up, and never ask for a client
//! certificate on the public door.

mod accept;
mod body;
mod buffered;
mod carriers;
mod certificates;
mod client_auth;
mod completion;
mod drain;
mod exchange;
mod fields;
mod frames;
mod framing;
mod greet;
mod handshake;
mod head;
mod http;
mod http1;
mod idle;
mod listener;
mod patience;
mod places;
mod proxy_protocol;
mod refusals;
mod report;
mod rooms;
mod standing;
mod tickets;
mod tls;
mod undelivered;
mod untaken;

pub use accept::{Edge, OpenDoor};
pub use carriers::Carriers;
pub use certificates::{Certificates, ServerCertificate};
pub use client_auth::{ClientAuthentication, TrustAnchors};
pub use drain::{Drain, Drained};
pub use exchange::Serve;
pub use http::Limits;
pub use listener::{AdoptError, BindError, Listener, loopback};
pub use refusals::{CountRefusals, NotCounted};
pub use tls::{DoorTls, TlsError, TlsInForce, TlsSettings};
