//! The command line: one file a command.

pub mod admin_client;
pub mod certs;
pub mod check;
pub mod console;
pub mod init;
pub mod keys;
pub mod policy;
