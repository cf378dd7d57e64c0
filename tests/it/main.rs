//! The one integration binary.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking; clippy's own exception ends at the test functions"
)]

mod architecture;
mod attacks;
mod compile_fail;
mod coverage;
mod crash;
mod demo;
mod docs;
mod journey;
mod keys_command;
mod log;
mod payments;
mod receipts;
mod reload;
mod routes;
mod support;
mod transport;
mod vectors;
