//! What a verifier demands of a signature beyond that it verifies (RFC 9421, sections 3.2 and 3.2.1).

use crate::component::Component;
use crate::entry::{Entry, InputError};
use crate::parameters::ParameterName;

/// The verifier's own rules. A signature that verifies but does not meet them is refused.
#[derive(Clone, Copy, Debug)]
pub struct Policy<'p> {
    /// Components that must be covered, each exactly as written here.
    pub components: &'p [Component<'p>],
    /// Parameters that must be there.
    pub parameters: &'p [ParameterName],
    /// Now, in seconds since 1970.
    pub now: i64,
    /// How long ago `created` may be, in seconds.
    pub max_age: i64,
    /// How far ahead of `now` `created` may be, in seconds, for clocks that differ.
    pub max_ahead: i64,
    /// How long after `created` `expires` may be, in seconds.
    pub max_lifetime: i64,
    /// How long a nonce must be where there is one, in characters.
    pub nonce_min_len: usize,
}

/// The first rule that a signature does not meet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The entry is in a form that cannot be used.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A component that must be covered is not; its serialised identifier.
    #[error("the signature does not cover {0}")]
    NotCovered(String),
    /// A parameter that must be there is not.
    #[error("the signature has no parameter {0}")]
    ParameterMissing(ParameterName),
    /// The nonce is too short to be unique.
    #[error("the nonce is too short")]
    NonceShort,
    /// `created` is longer ago than allowed.
    #[error("the signature is too old")]
    TooOld,
    /// `created` is further ahead than clocks may differ.
    #[error("the signature was created in the future")]
    Ahead,
    /// `expires` is now or in the past.
    #[error("the signature has expired")]
    Expired,
    /// `expires` is before `created`.
    #[error("the signature expires before it was created")]
    ExpiresBeforeCreated,
    /// `expires` is longer after `created` than allowed, or there is no `created` to count from.
    #[error("the signature is valid for too long")]
    LifetimeTooLong,
}

impl PolicyError {
    /// Whether a fresh signature by the same signer would cure this.
    #[must_use]
    pub const fn is_stale(&self) -> bool {
        matches!(
            self,
            Self::TooOld | Self::Ahead | Self::Expired | Self::ExpiresBeforeCreated | Self::LifetimeTooLong
        )
    }
}

impl Entry<'_> {
    /// Checks this signature against `policy`: form, then coverage, then parameters, then times.
    ///
    /// # Errors
    /// See [`PolicyError`].
    pub fn check(&self, policy: &Policy<'_>) -> Result<(), PolicyError> {
        self.well_formed()?;
        if let Some(missing) = policy
            .components
            .iter()
            .find(|component| !self.covers_component(component))
        {
            return Err(PolicyError::NotCovered(missing.identifier()));
        }
        if let Some(missing) = policy.parameters.iter().find(|name| !self.parameters.has(**name)) {
            return Err(PolicyError::ParameterMissing(*missing));
        }
        if self
            .parameters
            .nonce
            .as_ref()
            .is_some_and(|nonce| nonce.len() < policy.nonce_min_len)
        {
            return Err(PolicyError::NonceShort);
        }
        policy.check_times(self.parameters.created, self.parameters.expires)
    }
}

impl Policy<'_> {
    fn check_times(&self, created: Option<i64>, expires: Option<i64>) -> Result<(), PolicyError> {
        if let Some(created) = created {
            if created < self.now.saturating_sub(self.max_age) {
                return Err(PolicyError::TooOld);
            }
            if created > self.now.saturating_add(self.max_ahead) {
                return Err(PolicyError::Ahead);
            }
        }
        let Some(expires) = expires else { return Ok(()) };
        if created.is_some_and(|created| expires < created) {
            return Err(PolicyError::ExpiresBeforeCreated);
        }
        if expires <= self.now {
            return Err(PolicyError::Expired);
        }
        match created {
            Some(created) if expires.saturating_sub(created) <= self.max_lifetime => Ok(()),
            _ => Err(PolicyError::LifetimeTooLong),
        }
    }
}
