//! The challenge that an approving factor signs: it binds one approval to one intent, customer, client, route and body,
//! so that the answer fits nothing else (Delegated Regulation (EU) 2018/389, article 5(1)(b) to (d)).

use crate::canonical::{self, MAX_SAFE_INTEGER};
use crate::digest::{DigestTextError, from_text, hash, to_text};
use crate::{IntentDigest, TextError, text};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fmt;
use std::str::FromStr;

/// Longest of the texts that name something, in characters.
const MAX_NAME: usize = 1024;

/// What an approval stands for. The gateway computes the challenge from its stored record, never from what a client
/// sends.
#[derive(Clone, Copy)]
pub struct ApprovalTerms<'a> {
    /// Identifier of the approval.
    pub approval: &'a str,
    /// Digest of the intent.
    pub digest: IntentDigest,
    /// The `Content-Digest` of the request whose repetition the approval lets pass, as it was sent (RFC 9530).
    pub content_digest: &'a str,
    /// Identifier of the customer.
    pub customer: &'a str,
    /// Identifier of the client that asked.
    pub client: &'a str,
    /// Name of the route.
    pub route: &'a str,
    /// Relying-party identifier of the passkeys (Web Authentication, section 4).
    pub rp_id: &'a str,
    /// 256 random bits.
    pub nonce: &'a [u8; 32],
    /// When the approval ends, in seconds since 1970.
    pub exp: u64,
}

impl ApprovalTerms<'_> {
    /// SHA-256 over `countersign/approval/v1`, a line feed, and the canonical JSON of the terms.
    ///
    /// # Errors
    /// [`ApprovalError`] when a text is empty, not in normal form, or holds what cannot be shown, or `exp` is too large.
    pub fn challenge(&self) -> Result<ApprovalChallenge, ApprovalError> {
        Ok(ApprovalChallenge(hash(
            "countersign/approval/v1\n",
            &self.canonical()?,
        )))
    }

    /// The canonical JSON that [`ApprovalTerms::challenge`] hashes, to be kept as evidence.
    ///
    /// # Errors
    /// As [`ApprovalTerms::challenge`].
    pub fn canonical(&self) -> Result<Vec<u8>, ApprovalError> {
        if self.exp > MAX_SAFE_INTEGER {
            return Err(ApprovalError::Expiry);
        }
        canonical::to_vec(&json!({
            "approval": name("approval", self.approval)?,
            "digest": self.digest,
            "content_digest": name("content_digest", self.content_digest)?,
            "customer": name("customer", self.customer)?,
            "client": name("client", self.client)?,
            "route": name("route", self.route)?,
            "rp_id": name("rp_id", self.rp_id)?,
            "nonce": to_text(self.nonce),
            "exp": self.exp,
        }))
        .map_err(|_| ApprovalError::Expiry)
    }
}

fn name<'a>(member: &'static str, value: &'a str) -> Result<&'a str, ApprovalError> {
    match text::normalise(value.to_owned(), MAX_NAME) {
        Ok(normal) if normal == value => Ok(value),
        Ok(_) => Err(ApprovalError::NotNormal { member }),
        Err(error) => Err(ApprovalError::Text { member, error }),
    }
}

/// The 32 bytes that a passkey or a device key signs for one approval; as text base64url without padding.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ApprovalChallenge([u8; 32]);

impl ApprovalChallenge {
    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A challenge that was computed before and stored.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for ApprovalChallenge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&to_text(&self.0))
    }
}

impl fmt::Debug for ApprovalChallenge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ApprovalChallenge({self})")
    }
}

impl FromStr for ApprovalChallenge {
    type Err = DigestTextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        from_text(text).map(Self)
    }
}

impl TryFrom<String> for ApprovalChallenge {
    type Error = DigestTextError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ApprovalChallenge> for String {
    fn from(challenge: ApprovalChallenge) -> Self {
        challenge.to_string()
    }
}

/// Why terms have no challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApprovalError {
    /// A text cannot stand in the terms.
    #[error("{member} {error}")]
    Text {
        /// Which member.
        member: &'static str,
        /// What is wrong with it.
        error: TextError,
    },
    /// A text is not in normalisation form C.
    #[error("{member} is not in its normal form")]
    NotNormal {
        /// Which member.
        member: &'static str,
    },
    /// `exp` is beyond what every reader of JSON holds exactly.
    #[error("exp is too large")]
    Expiry,
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: [u8; 32] = [7; 32];

    fn terms() -> ApprovalTerms<'static> {
        ApprovalTerms {
            approval: "apr_1",
            digest: IntentDigest::from_bytes([1; 32]),
            content_digest: "sha-256=:AQ==:",
            customer: "cus_1",
            client: "app",
            route: "pay",
            rp_id: "bank.example",
            nonce: &NONCE,
            exp: 1_800_000_000,
        }
    }

    /// SCA-08, SCA-09, SPC-07
    #[test]
    fn every_changed_member_changes_the_challenge() {
        let other_nonce = [8; 32];
        let changed = [
            ApprovalTerms {
                approval: "apr_2",
                ..terms()
            },
            ApprovalTerms {
                digest: IntentDigest::from_bytes([2; 32]),
                ..terms()
            },
            ApprovalTerms {
                content_digest: "sha-256=:Ag==:",
                ..terms()
            },
            ApprovalTerms {
                customer: "cus_2",
                ..terms()
            },
            ApprovalTerms {
                client: "app2",
                ..terms()
            },
            ApprovalTerms {
                route: "pay2",
                ..terms()
            },
            ApprovalTerms {
                rp_id: "bank2.example",
                ..terms()
            },
            ApprovalTerms {
                nonce: &other_nonce,
                ..terms()
            },
            ApprovalTerms {
                exp: 1_800_000_001,
                ..terms()
            },
        ];
        let mut seen = std::collections::HashSet::from([terms().challenge().unwrap()]);
        for other in changed {
            assert!(seen.insert(other.challenge().unwrap()));
        }
    }

    #[test]
    fn texts_that_could_hide_something_are_refused() {
        let empty = ApprovalTerms { route: "", ..terms() };
        assert_eq!(
            empty.challenge(),
            Err(ApprovalError::Text {
                member: "route",
                error: TextError::Empty
            })
        );
        let hidden = ApprovalTerms {
            customer: "cus\u{200b}",
            ..terms()
        };
        assert_eq!(
            hidden.challenge(),
            Err(ApprovalError::Text {
                member: "customer",
                error: TextError::Invisible
            })
        );
        let decomposed = ApprovalTerms {
            client: "e\u{301}",
            ..terms()
        };
        assert_eq!(
            decomposed.challenge(),
            Err(ApprovalError::NotNormal { member: "client" })
        );
        let late = ApprovalTerms {
            exp: MAX_SAFE_INTEGER + 1,
            ..terms()
        };
        assert_eq!(late.challenge(), Err(ApprovalError::Expiry));
    }
}
