//! X25519MLKEM768 (draft-ietf-tls-ecdhe-mlkem): who breaks one of the two halves has nothing.
//!
//! Shares and secrets are concatenated, the ML-KEM part first: the client sends encapsulation key and X25519 key (1184 + 32
//! bytes), the server ciphertext and X25519 key (1088 + 32), the secret is 64 bytes.

use rustls::crypto::ring::kx_group::X25519;
use rustls::crypto::{ActiveKeyExchange, CompletedKeyExchange, SharedSecret, SupportedKxGroup};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::{Error, NamedGroup, PeerMisbehaved, ProtocolVersion};
use zeroize::Zeroizing;

use super::ml_kem::{CIPHERTEXT_BYTES, PUBLIC_KEY_BYTES, PrivateKey, SECRET_BYTES, encapsulate};
use super::provider::random;

/// Length of an X25519 public key, and of what two of them agree on (RFC 7748, section 6.1).
const X25519_BYTES: usize = 32;

/// A share of the wrong length or with a key that is none: the alert is illegal_parameter (TLS-05).
const INVALID_SHARE: Error = Error::PeerMisbehaved(PeerMisbehaved::InvalidKeyShare);

/// The group, code point 0x11EC, for TLS 1.3 only.
pub static X25519_MLKEM768: &dyn SupportedKxGroup = &Hybrid;

#[derive(Debug)]
struct Hybrid;

impl SupportedKxGroup for Hybrid {
    /// The client's side: both keys are fresh.
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let x25519 = X25519.start()?;
        let (ml_kem, public) = PrivateKey::generate(random())?;
        Ok(Box::new(Started {
            share: [&public, x25519.pub_key()].concat(),
            ml_kem,
            x25519,
        }))
    }

    /// The server's side: its ciphertext depends on the client's key.
    fn start_and_complete(&self, client_share: &[u8]) -> Result<CompletedKeyExchange, Error> {
        let (public, client_x25519) = split::<PUBLIC_KEY_BYTES>(client_share)?;
        let (ciphertext, ml_kem) = encapsulate(public, random())?.ok_or(INVALID_SHARE)?;
        let x25519 = X25519.start()?;
        let pub_key = [&ciphertext, x25519.pub_key()].concat();
        // ring refuses the points of small order, whose product is all zero (RFC 7748, section 6.1).
        let x25519 = x25519.complete(client_x25519)?;
        Ok(CompletedKeyExchange {
            group: self.name(),
            pub_key,
            secret: joined(&ml_kem, &x25519)?,
        })
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519MLKEM768
    }

    fn usable_for_version(&self, version: ProtocolVersion) -> bool {
        version == ProtocolVersion::TLSv1_3
    }
}

/// A client's exchange between its hello and the server's.
struct Started {
    ml_kem: PrivateKey,
    x25519: Box<dyn ActiveKeyExchange>,
    /// Both public keys, as they are sent.
    share: Vec<u8>,
}

impl ActiveKeyExchange for Started {
    fn complete(self: Box<Self>, server_share: &[u8]) -> Result<SharedSecret, Error> {
        let (ciphertext, server_x25519) = split::<CIPHERTEXT_BYTES>(server_share)?;
        let ml_kem = self.ml_kem.decapsulate(ciphertext);
        joined(&ml_kem, &self.x25519.complete(server_x25519)?)
    }

    /// The X25519 key is offered by itself too, so that a server without the hybrid needs no second hello.
    fn hybrid_component(&self) -> Option<(NamedGroup, &[u8])> {
        Some((NamedGroup::X25519, self.x25519.pub_key()))
    }

    fn complete_hybrid_component(self: Box<Self>, server_x25519: &[u8]) -> Result<SharedSecret, Error> {
        self.x25519.complete(server_x25519)
    }

    fn pub_key(&self) -> &[u8] {
        &self.share
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519MLKEM768
    }
}

/// A peer's share in its two parts, each of exactly its length.
fn split<const ML_KEM: usize>(share: &[u8]) -> Result<(&[u8; ML_KEM], &[u8]), Error> {
    let (ml_kem, x25519) = share.split_first_chunk().ok_or(INVALID_SHARE)?;
    if x25519.len() != X25519_BYTES {
        return Err(INVALID_SHARE);
    }
    Ok((ml_kem, x25519))
}

/// The secret of both, the ML-KEM part first.
fn joined(ml_kem: &[u8; SECRET_BYTES], x25519: &SharedSecret) -> Result<SharedSecret, Error> {
    let x25519: &[u8; X25519_BYTES] = x25519
        .secret_bytes()
        .try_into()
        .map_err(|_| Error::General("X25519 gave a secret of another length".to_owned()))?;
    let mut both = Zeroizing::new([0; SECRET_BYTES + X25519_BYTES]);
    let (first, second) = both.split_at_mut(SECRET_BYTES);
    first.copy_from_slice(ml_kem);
    second.copy_from_slice(x25519);
    Ok(SharedSecret::from(both.as_slice()))
}

#[cfg(test)]
mod tests;
