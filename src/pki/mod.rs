//! The private certificate authority: a root, one intermediate per purpose, and the certificates below them.
//!
//! `profile` says what each purpose is for (`certs/profiles.toml`), `issuer` makes root and intermediates, `authority`
//! issues in memory, `folder` keeps an authority on disk for `countersign certs`. Also used by the demonstration and by tests.
//!
//! Implements RFC 5280 profiles; client certificates from a private authority with the clientAuth usage (MTLS-06), key
//! and lifetime choices by Mozilla "modern" (TLS-02).
//!
//! Must never: overwrite a file, write a private key that others can read, or issue a certificate that outlives its
//! issuer or serves another purpose than its intermediate's.

mod authority;
mod error;
mod folder;
mod issuer;
mod profile;

pub use authority::{Authority, Issued, RootKey};
pub use error::PkiError;
pub use folder::{Ca, IssuedPaths, make_folder, read_profiles, write_new};
pub use profile::{Hosts, Profile, Profiles, Purpose, RootProfile, Usage};

#[cfg(test)]
mod tests;
