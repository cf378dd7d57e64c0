//! The guard of HTTP/1.1 from outside: what it refuses and by which name, what it passes, and that it does not matter in
//! how many pieces a stream comes.

#![cfg(test)]

mod account;
mod answers;
mod chunks;
mod cuts;
mod requests;
