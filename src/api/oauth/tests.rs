//! The endpoints over a real store, called as the edge calls them.

mod app;
mod challenge;
mod clients;
mod forms;
mod proofs;
mod refresh;
mod sessions;
mod tokens;
