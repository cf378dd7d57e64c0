//! The keyring: every key the gateway signs or seals with, one purpose each, from publication to destruction.
//!
//! * [`Keyring`] keeps the keys in the store, sealed under the key-encryption key, and publishes an immutable [`KeySet`];
//! * [`rotation`] is the schedule, pure: keys and a moment in, changes out (NIST SP 800-57 part 1, sections 7 and 8);
//! * [`seal`] is AES-256-GCM with a context that binds a sealed value to its place;
//! * [`kek`] reads the key-encryption key from a file, the environment or systemd.
//!
//! A private key leaves this module only as a signer. It must never be written unsealed, logged, or used for a second
//! purpose.

mod kek;
mod keyring;
mod picture;
mod purpose;
mod records;
pub mod rotation;
pub mod seal;
mod set;
#[cfg(test)]
mod tests;

pub use kek::{KekError, read_kek};
pub use keyring::{KeyError, KeyFacts, Keyring, Rotation};
pub use purpose::{Purpose, State};
pub use rotation::Schedule;
pub use seal::{SealError, SealKey};
pub use set::{KeySet, PublishedKey, SigningKey};
