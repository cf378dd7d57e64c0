//! The command line: one file a command.
//!
//! Exit codes are the same everywhere: 0 done, 1 refused or failed, 2 bad usage. `--json` writes one JSON document for
//! machines.

pub mod admin_client;
pub mod audit;
pub mod certs;
pub mod check;
mod command;
pub mod console;
pub mod demo;
pub mod init;
pub mod keys;
pub mod login;
pub mod pay;
pub mod policy;
pub mod receipt;
pub mod seed;
pub mod serve;
mod session_file;

pub use command::main;
