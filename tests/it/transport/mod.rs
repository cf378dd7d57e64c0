//! The transport on real sockets: doors towards clients, upstreams towards backends, and how a gateway ends.

mod answers;
mod backend;
mod certificates;
mod client;
mod doors;
mod drain;
mod followed_files;
mod gateway;
mod http2;
mod http_limits;
mod names;
mod proxied;
mod raw_http2;
mod revocation;
mod runtimes;
mod signed_answers;
mod slow_clients;
mod slow_heads;
mod tls_policy;
mod trust_change;
mod upstream_failures;
mod upstreams;
mod waiting;
