//! What the configuration says about OAuth, as plain values.

use std::time::Duration;

use crate::base::Timestamp;

/// Where a DPoP proof must carry a nonce of ours: `[dpop] nonce`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NoncePolicy {
    /// Nowhere.
    Off,
    /// At the token endpoint.
    #[default]
    Token,
    /// Everywhere.
    Always,
}

/// Everything `oauth` is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `public_url` without a slash at its end: the issuer, the audience of tokens, and the start of every `htu`.
    pub issuer: String,
    /// The origin of the listener that asks for client certificates, without a slash at its end.
    pub mtls_origin: Option<String>,
    /// Where proofs need a nonce.
    pub nonce: NoncePolicy,
    /// Proofs dated before this are stale: what was used before the process began is not remembered. A gateway on a
    /// store that was served before sets it to its start, rounded up to a second, and serves from then on.
    pub proofs_from: Timestamp,
    /// Proofs that can be remembered at once; more are refused until old ones end.
    pub replay_capacity: usize,
    /// Verified access tokens that are remembered.
    pub token_cache: usize,
    /// Life of an access token (five minutes).
    pub access_token_life: Duration,
    /// Life of refresh tokens from the login on, however often they are exchanged.
    pub refresh_token_life: Duration,
    /// Life of an authorization code (FAPI-10: at most 60 s).
    pub code_life: Duration,
    /// Life of a login under way, from its first call.
    pub challenge_life: Duration,
    /// Logins of strangers that can be under way at once, and as many of known devices.
    pub challenge_capacity: usize,
    /// Scopes named in the metadata.
    pub scopes: Vec<String>,
    /// `max-age` of published keys: at most what the keyring publishes a key ahead of its use.
    pub keys_max_age: Duration,
}

impl Settings {
    /// The usual values for a gateway at `issuer`.
    #[must_use]
    pub fn new(issuer: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into().trim_end_matches('/').to_owned(),
            mtls_origin: None,
            nonce: NoncePolicy::default(),
            proofs_from: Timestamp::from_micros(0),
            replay_capacity: 1 << 20,
            token_cache: 1 << 16,
            access_token_life: Duration::from_secs(5 * 60),
            refresh_token_life: Duration::from_secs(24 * 60 * 60),
            code_life: Duration::from_secs(60),
            challenge_life: Duration::from_secs(5 * 60),
            challenge_capacity: 1 << 16,
            scopes: Vec::new(),
            keys_max_age: Duration::from_secs(5 * 60),
        }
    }
}
