//! Countersign: a payment authentication gateway. The modules stand in the order of a request's journey.

#[cfg(all(feature = "fault-injection", not(debug_assertions)))]
compile_error!(
    "fault-injection makes a gateway that may pay twice; it is for the crash test in debug builds only"
);

pub mod admin;
pub mod answer;
pub mod api;
pub mod audit;
pub mod base;
pub mod cli;
pub mod config;
pub mod defense;
pub mod edge;
pub mod gate;
pub mod identity;
pub mod keys;
pub mod oauth;
pub mod pki;
pub mod policy;
pub mod privacy;
pub mod server;
pub mod store;
pub mod telemetry;
pub mod tls;
pub mod transaction;
pub mod upstream;
