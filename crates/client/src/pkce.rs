//! Proof Key for Code Exchange (RFC 7636), method S256.

use countersign_jose::{base64url, sha256};

use crate::entropy::{self, Entropy};
use crate::error::Error;
use crate::secret::Secret;

/// The verifier of one login: 43 characters, 256 bits.
#[derive(Clone, Debug)]
pub(crate) struct Pkce(Secret);

impl Pkce {
    pub(crate) fn new(entropy: &dyn Entropy) -> Result<Self, Error> {
        Ok(Self(Secret::new(entropy::verifier(entropy)?)))
    }

    pub(crate) fn verifier(&self) -> &str {
        self.0.expose()
    }

    /// BASE64URL(SHA256(verifier)) (RFC 7636, section 4.2).
    pub(crate) fn challenge(&self) -> String {
        base64url(sha256(self.0.expose().as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636, appendix B
    #[test]
    fn the_challenge_is_that_of_the_standard() {
        let pkce = Pkce(Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        assert_eq!(pkce.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
