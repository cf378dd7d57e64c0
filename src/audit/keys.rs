//! The log's keys: the keyring's `log` keys under the name of the log, its origin.

use countersign_jose::PublicKey;
use countersign_jose::from_base64url;
use countersign_jose::jwk::Jwk;
use countersign_tlog::{SignatureKind, VerifierKey};

use crate::keys::{KeySet, Purpose, State};

/// The verifier key of `public` in the log of `origin`; `None` when it is no Ed25519 key, or the origin no name for one.
#[must_use]
pub fn origin_key(origin: &str, public: &PublicKey) -> Option<VerifierKey> {
    let jwk = Jwk {
        kid: None,
        alg: None,
        public_key_use: None,
        key: public.clone(),
    };
    let bytes = from_base64url(jwk.to_object().get("x")?.as_str()?)?;
    VerifierKey::new(origin, SignatureKind::Ed25519, bytes.try_into().ok()?).ok()
}

/// Every key whose checkpoints of this log count: all there ever were but those that were compromised.
#[must_use]
pub fn log_keys(origin: &str, keys: &KeySet) -> Vec<VerifierKey> {
    verifier_keys(origin, keys, |state| state != State::Compromised)
}

/// Every key this log was ever signed with, also those that were compromised: their signatures prove nothing to anybody else.
pub(super) fn every_log_key(origin: &str, keys: &KeySet) -> Vec<VerifierKey> {
    verifier_keys(origin, keys, |_| true)
}

fn verifier_keys(origin: &str, keys: &KeySet, counts: impl Fn(State) -> bool) -> Vec<VerifierKey> {
    keys.published(Purpose::Log)
        .filter(|key| counts(key.state))
        .filter_map(|key| origin_key(origin, &key.jwk.key))
        .collect()
}
