//! The command line: one file a command.

pub mod certs;
pub mod check;
pub mod console;
pub mod init;
pub mod policy;
