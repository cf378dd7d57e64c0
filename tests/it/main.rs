//! The one integration binary.

mod architecture;
mod keys_command;
mod transport;
