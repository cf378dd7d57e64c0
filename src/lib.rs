//! Countersign: a payment authentication gateway. The modules stand in the order of a request's journey.

pub mod admin;
pub mod answer;
pub mod api;
pub mod audit;
pub mod base;
pub mod cli;
pub mod config;
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
pub mod transaction;
pub mod upstream;
