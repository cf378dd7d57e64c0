//! A configuration becomes a running gateway: the one place that picks adapters and wires services.
//!
//! * [`build`](build()) opens store, keyring, policies and services and binds the doors;
//! * [`Gateway`] opens the doors and ends them without cutting a request short; [`jobs`] are the periodic ones;
//! * [`Reloader`] puts a changed configuration in force, whole or not at all.
//!
//! It must never decide anything about a request, and never print: what a person has to know goes back to the command
//! line, what an operator has to know to the log.

mod build;
mod charter;
mod control;
mod doors;
mod error;
mod expiry;
mod follow;
mod front;
mod inherited;
pub mod jobs;
mod material;
mod open;
mod open_files;
mod reload;
mod run;
mod runtime;
mod schedule;
mod settings;
mod signals;
mod supervisor;
mod turning;
mod upstreams;

pub use build::{Addresses, Built, Given, build, build_with};
pub use error::StartError;
pub use inherited::{Inherited, InheritedError};
pub use open::{DEVELOPMENT, open_keyring, open_store};
pub use reload::Reloader;
pub use run::Gateway;
pub use runtime::{Cores, runtime};
pub use settings::{identity_settings, oauth_settings};
pub use signals::{Hangups, Shutdown};
pub use supervisor::Supervisor;
pub use upstreams::answer_keys;
