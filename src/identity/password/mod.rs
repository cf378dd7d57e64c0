//! Passwords: argon2id (RFC 9106) with a pepper from the keyring, NFKC, a blocklist and no rules of composition
//! (NIST SP 800-63B-4, section 3.1.1).
//!
//! * [`rules`] says which new passwords are taken; [`stored`] is what is kept of one;
//! * [`hasher`] runs the hashes on threads of their own, within a budget of memory, fair between sources.
//!
//! It must never keep, log or cut a password, and an unknown name must cost what a known one costs.

mod hasher;
mod rules;
mod stored;

use std::sync::Arc;

use argon2::{Algorithm, Params, Version};
use subtle::ConstantTimeEq as _;
use unicode_normalization::UnicodeNormalization as _;

pub use hasher::{Caller, Hasher, Overloaded};
pub use rules::{WeakPassword, check_new};
pub use stored::{PhcError, StoredPassword};

use self::hasher::Work;
use super::normal_form;
use super::settings::{PasswordParameters, Settings};
use crate::base::{Entropy, Secret, limits};
use crate::keys::Keyring;

/// Bytes of salt (PWD-05).
const SALT_BYTES: usize = 16;
/// Bytes of a hash.
const HASH_BYTES: usize = 32;

/// A password in its normal form (NFKC, PWD-01), never cut.
#[derive(Clone, Debug)]
pub struct Password(Secret<String>);

impl Password {
    /// Brings `text` to its normal form; `None` when it is empty, or either of the two is longer than is read (PWD-07).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() || text.len() > limits::PASSWORD_BYTES {
            return None;
        }
        normal_form::within(text.nfkc(), limits::PASSWORD_BYTES).map(|normal| Self(Secret::new(normal)))
    }

    fn bytes(&self) -> Secret<Vec<u8>> {
        Secret::new(self.0.expose().as_bytes().to_vec())
    }
}

/// What came of comparing a password with what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compared {
    /// Whether it is the customer's password.
    pub matches: bool,
    /// Whether its hash is weaker than those made now, so that it should be made anew.
    pub outdated: bool,
}

/// Makes and compares password hashes.
pub struct Passwords {
    hasher: Hasher,
    keyring: Arc<Keyring>,
    entropy: Arc<dyn Entropy>,
    parameters: PasswordParameters,
    params: Params,
    dummy_salt: Vec<u8>,
}

impl Passwords {
    /// Starts the threads that hash.
    ///
    /// # Errors
    /// [`PhcError::Parameters`] for parameters that argon2 does not take, [`PhcError::Budget`] for a memory budget below one
    /// hash.
    pub fn start(
        settings: &Settings,
        keyring: Arc<Keyring>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, PhcError> {
        let parameters = settings.password;
        let params = Params::new(
            parameters.memory_kib,
            parameters.passes,
            parameters.lanes,
            Some(HASH_BYTES),
        )
        .map_err(|_| PhcError::Parameters)?;
        if hasher::memory(&params) > settings.hash_memory {
            return Err(PhcError::Budget);
        }
        Ok(Self {
            hasher: Hasher::start(
                settings.hash_memory,
                settings.hash_threads,
                settings.hash_waiting,
                &params,
            ),
            keyring,
            dummy_salt: entropy.bytes::<SALT_BYTES>().to_vec(),
            entropy,
            parameters,
            params,
        })
    }

    /// Whether a hash that was made elsewhere can ever be compared here.
    ///
    /// # Errors
    /// [`PhcError`]: it is none, or asks for more memory than all hashes together may use.
    pub fn admit(&self, stored: &StoredPassword) -> Result<(), PhcError> {
        let parsed = stored.parse().ok_or(PhcError::Malformed)?;
        if self.hasher.takes(&parsed.params) {
            Ok(())
        } else {
            Err(PhcError::Budget)
        }
    }

    /// The hash to store for `password`.
    ///
    /// # Errors
    /// [`Overloaded`].
    pub async fn hash(&self, password: &Password, caller: Caller) -> Result<StoredPassword, Overloaded> {
        let salt = self.entropy.bytes::<SALT_BYTES>().to_vec();
        let keys = self.keyring.current();
        let (kid, pepper) = keys.active_pepper().ok_or(Overloaded)?;
        let work = Work {
            password: password.bytes(),
            salt: salt.clone(),
            pepper: Some(pepper.clone()),
            algorithm_version: Version::V0x13,
            params: self.params.clone(),
            output_bytes: HASH_BYTES,
            padding: None,
        };
        let kid = kid.to_owned();
        let hash = self.hasher.run(work, caller).await?;
        StoredPassword::new(&self.params, &salt, hash.expose(), kid).ok_or(Overloaded)
    }

    /// Compares `password` with what is stored. Without anything stored it does the work of a hash made now and says no; a stored
    /// hash that is cheaper is filled up to that work, whether the password is right or not (PWD-07).
    ///
    /// # Errors
    /// [`Overloaded`].
    pub async fn compare(
        &self,
        password: &Password,
        stored: Option<&StoredPassword>,
        caller: Caller,
    ) -> Result<Compared, Overloaded> {
        let keys = self.keyring.current();
        let parsed = stored.and_then(|stored| Some((stored, stored.parse()?)));
        let Some((stored, parsed)) = parsed else {
            let pepper = keys.active_pepper().map(|(_, pepper)| pepper.clone());
            self.hasher.run(self.dummy(password, pepper), caller).await?;
            return Ok(Compared {
                matches: false,
                outdated: false,
            });
        };
        let pepper = stored.pepper.as_deref().map(|kid| keys.pepper(kid).cloned());
        let pepper_lost = matches!(pepper, Some(None));
        let work = parsed.comparison(password.bytes(), pepper.flatten(), &self.params);
        let hash = self.hasher.run(work, caller).await?;
        let equal: bool = hash.expose().as_slice().ct_eq(&parsed.hash).into();
        let active = keys.active_pepper().map(|(kid, _)| kid);
        Ok(Compared {
            matches: equal && !pepper_lost,
            outdated: parsed.is_weaker_than(&self.parameters) || stored.pepper.as_deref() != active,
        })
    }

    fn dummy(&self, password: &Password, pepper: Option<Secret<Vec<u8>>>) -> Work {
        Work {
            password: password.bytes(),
            salt: self.dummy_salt.clone(),
            pepper,
            algorithm_version: Version::V0x13,
            params: self.params.clone(),
            output_bytes: HASH_BYTES,
            padding: None,
        }
    }
}

/// The one algorithm there is.
const ALGORITHM: Algorithm = Algorithm::Argon2id;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_whose_normal_form_is_too_long_is_none() {
        let three_bytes_to_33 = "\u{fdfa}";
        let fits = limits::PASSWORD_BYTES / 33;
        let longest = Password::parse(&three_bytes_to_33.repeat(fits)).unwrap();
        assert_eq!(longest.0.expose().len(), 33 * fits);
        assert_eq!(longest.0.expose().capacity(), 33 * fits);
        assert!(Password::parse(&three_bytes_to_33.repeat(fits + 1)).is_none());
        assert!(Password::parse(&three_bytes_to_33.repeat(341)).is_none());
        assert!(Password::parse(&"x".repeat(limits::PASSWORD_BYTES)).is_some());
        assert!(Password::parse(&"x".repeat(limits::PASSWORD_BYTES + 1)).is_none());
    }
}
