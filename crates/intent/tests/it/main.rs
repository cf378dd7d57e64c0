//! The crate's one integration binary. Requirement identifiers are those of docs/conformance.md.
#![cfg(test)]

mod bodies;
mod canonical;
mod properties;
mod vectors;
