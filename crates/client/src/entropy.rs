//! Randomness as an argument.

use countersign_jose::base64url;
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::error::Error;

/// A source of random bytes fit for nonces and verifiers.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `bytes` with randomness.
    ///
    /// # Errors
    /// [`Error::Randomness`] when there is none; nothing is sent then.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error>;
}

/// The operating system's randomness.
#[derive(Clone, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
        SystemRandom::new().fill(bytes).map_err(|_| Error::Randomness)
    }
}

/// 128 random bits as 22 characters of base64url: a nonce, a `jti`, an idempotency key.
pub(crate) fn nonce(entropy: &dyn Entropy) -> Result<String, Error> {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes)?;
    Ok(base64url(bytes))
}

/// 256 random bits as 43 characters of base64url.
pub(crate) fn verifier(entropy: &dyn Entropy) -> Result<String, Error> {
    let mut bytes = [0; 32];
    entropy.fill(&mut bytes)?;
    Ok(base64url(bytes))
}
