//! The configuration file: from what was written to what it means.
//!
//! Two stages. The text is parsed into a tree that knows its lines (`section`, `value`), and each section's file reads it
//! through a table of its keys (`shape`) into plain types. All faults are told at once, each with line, key, cause and
//! cure; unknown keys are faults. `Config` is what the rest of the gateway sees.
//!
//! What decides about the gate's strictness is summed up as the `charter`, so that nobody changes it by editing a file alone.
//!
//! Must never: hold a secret (only references to them), default to something laxer than what was written, or ignore a
//! key that it does not understand or cannot honour.

mod admin;
mod answer_headers;
mod auth;
mod charter;
mod defense;
mod dpop;
mod fault;
mod floods;
mod identity;
mod keys;
mod load;
mod log;
mod outbound;
mod path_pattern;
mod policy;
mod proxy;
mod public_url;
mod quantity;
mod rate;
mod request_path;
mod restart;
mod route;
mod route_tree;
mod routes;
mod schema;
pub mod secret_ref;
mod section;
mod server;
mod settle;
mod shape;
mod store;
mod telemetry;
mod tls;
mod transaction;
mod trust_anchors;
mod upstream;
mod value;

pub use admin::Admin;
pub use auth::Auth;
pub use charter::Charter;
pub use defense::{Defense, SOURCE_PART};
pub use dpop::{Dpop, DpopNonce};
pub use fault::{Fault, Faults, Position, Warning};
pub use floods::Floods;
pub use identity::{Identity, Password};
pub use keys::Keys;
pub use load::{Config, Deployment, load};
pub use log::Log;
pub use outbound::Outbound;
pub use path_pattern::PathPattern;
pub use policy::Policy;
pub use proxy::Proxy;
pub use public_url::PublicUrl;
pub use rate::Rate;
pub use request_path::RequestPath;
pub use route::{Access, Idempotency, Methods, Route};
pub use routes::{Lookup, Routes};
pub use schema::json_schema;
pub use secret_ref::SecretRef;
pub use server::Server;
pub use settle::{ProbePath, Settle};
pub use store::{Ephemeral, Store, StoreUrl};
pub use telemetry::{AccessLog, LogFormat, LogLevel, Telemetry};
pub use tls::{Certificate, Tls, TlsVersion};
pub use transaction::{JsonPointer, Transaction};
pub use trust_anchors::{AnchorsError, TrustAnchors};
pub use upstream::{ClientEvidence, ClientIdentity, Upstream, UpstreamUrl};
pub use value::{Network, NoNetwork};

#[cfg(test)]
mod tests;
