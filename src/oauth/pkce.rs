//! Proof key for code exchange (RFC 7636), S256 only (FAPI-15).

use countersign_jose::{base64url, from_base64url, sha256};
use subtle::ConstantTimeEq as _;

/// A code challenge: SHA-256 of the verifier, base64url.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeChallenge(String);

impl CodeChallenge {
    /// Reads 43 characters of base64url (RFC 7636, section 4.2).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 43 && from_base64url(text).is_some()).then(|| Self(text.to_owned()))
    }

    /// The text of the challenge.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `verifier` is well formed and belongs to this challenge (RFC 7636, sections 4.1 and 4.6).
    #[must_use]
    pub fn is_met_by(&self, verifier: &str) -> bool {
        let unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
        let well_formed = (43..=128).contains(&verifier.len()) && verifier.bytes().all(unreserved);
        let hash = base64url(sha256(verifier.as_bytes()));
        well_formed && bool::from(hash.as_bytes().ct_eq(self.0.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636, appendix B.
    #[test]
    fn the_example_of_the_rfc() {
        let challenge = CodeChallenge::parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM").unwrap();
        assert!(challenge.is_met_by("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        assert!(!challenge.is_met_by("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXj"));
    }

    /// PKCE-01
    #[test]
    fn malformed_challenges_and_verifiers_are_refused() {
        for bad in [
            "",
            "short",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM=",
            &"!".repeat(43),
        ] {
            assert!(CodeChallenge::parse(bad).is_none(), "{bad}");
        }
        for verifier in ["x".repeat(42), "x".repeat(129), "ä".repeat(43), " ".repeat(43)] {
            let challenge = CodeChallenge(base64url(sha256(verifier.as_bytes())));
            assert!(!challenge.is_met_by(&verifier), "{verifier}");
        }
        let shortest = "x".repeat(43);
        assert!(CodeChallenge(base64url(sha256(shortest.as_bytes()))).is_met_by(&shortest));
    }
}
