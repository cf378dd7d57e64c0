//! The log's one integration binary. Requirement identifiers are those of docs/conformance.md.
#![cfg(test)]

mod naive;
mod notes;
mod published;
mod tampering;
mod trees;
mod witnesses;
