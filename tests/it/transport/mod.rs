//! The transport on real sockets: doors towards clients, upstreams towards backends, and how a gateway ends.

mod answers;
mod backend;
mod certificates;
mod client;
mod doors;
mod drain;
mod gateway;
mod http2;
mod http_limits;
mod proxied;
mod raw_http2;
mod signed_answers;
mod slow_clients;
mod slow_heads;
mod upstream_failures;
mod upstreams;
mod waiting;
