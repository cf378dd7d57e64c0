//! The running gateway: what is opened when it starts, what is repeated while it runs, and how it ends.
//!
//! It must never print: what a person has to know goes back to the command line, what an operator has to know to the log.

pub mod jobs;
mod run;
mod signals;

pub use run::Gateway;
pub use signals::{Hangups, Shutdown};
