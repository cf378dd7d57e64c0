//! Personal data at rest: sealed under one key per customer, and found again by keyed pseudonyms.
//!
//! * [`Vault`] keeps a data key for every customer, sealed by the keyring; erasing that key erases what it sealed (GDPR
//!   article 17);
//! * [`Pseudonyms`] turns names into keyed hashes: the index a username is found by, and the pairwise `sub` a backend sees
//!   (OpenID Connect Core, section 8.1).
//!
//! It must never store a name in the clear, nor hand out a data key except to seal or open with it.

mod pseudonym;
mod vault;

pub use pseudonym::{Pseudonyms, UsernameIndex};
pub use vault::{DataKey, Vault, VaultError};
