//! Verifying keys of signed notes: whose, of which kind, and their short identifier (C2SP `signed-note`).

use crate::hash::sha256;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, UnparsedPublicKey};
use std::fmt;
use std::str::FromStr;

/// Longest name of a key, in bytes.
const MAX_NAME_BYTES: usize = 255;

/// Bytes of an Ed25519 public key.
const PUBLIC_KEY_BYTES: usize = 32;

/// What a key signs; the byte that stands for it enters the key's identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignatureKind {
    /// 0x01: Ed25519 over the text of the note. What a log signs.
    Ed25519,
    /// 0x04: Ed25519 over time and text. What a witness signs (C2SP `tlog-cosignature`).
    Cosignature,
}

impl SignatureKind {
    const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::Cosignature => 0x04,
        }
    }
}

/// A public key with the name that its signature lines carry. As text `<name>+<8 hex digits>+<base64>`, a `vkey`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct VerifierKey {
    name: String,
    kind: SignatureKind,
    public_key: [u8; PUBLIC_KEY_BYTES],
    id: [u8; 4],
}

impl VerifierKey {
    /// Gives a public key a name.
    ///
    /// # Errors
    /// [`KeyError::Name`] when the name is empty, longer than 255 bytes, or holds white space, a control character or
    /// `+`.
    pub fn new(
        name: &str,
        kind: SignatureKind,
        public_key: [u8; PUBLIC_KEY_BYTES],
    ) -> Result<Self, KeyError> {
        if !is_key_name(name) {
            return Err(KeyError::Name);
        }
        let hash = sha256(&[name.as_bytes(), b"\n", &[kind.byte()], &public_key]);
        let [a, b, c, d, ..] = hash.0;
        Ok(Self {
            name: name.to_owned(),
            kind,
            public_key,
            id: [a, b, c, d],
        })
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the key signs.
    #[must_use]
    pub const fn kind(&self) -> SignatureKind {
        self.kind
    }

    /// The 32 bytes of the Ed25519 public key (RFC 8032).
    #[must_use]
    pub const fn public_key(&self) -> &[u8; PUBLIC_KEY_BYTES] {
        &self.public_key
    }

    /// The first four bytes of SHA-256(name ‖ 0x0A ‖ kind ‖ public key).
    #[must_use]
    pub const fn id(&self) -> [u8; 4] {
        self.id
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.public_key)
            .verify(message, signature)
            .is_ok()
    }
}

/// Unicode white space and `+` would let two names look like one in a line or a vkey.
pub(crate) fn is_key_name(name: &str) -> bool {
    let allowed = |character: char| !character.is_whitespace() && !character.is_control() && character != '+';
    (1..=MAX_NAME_BYTES).contains(&name.len()) && name.chars().all(allowed)
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut encoded = vec![self.kind.byte()];
        encoded.extend(self.public_key);
        write!(
            formatter,
            "{}+{:08x}+{}",
            self.name,
            u32::from_be_bytes(self.id),
            STANDARD.encode(encoded)
        )
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "VerifierKey({self})")
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, rest) = text.split_once('+').ok_or(KeyError::Form)?;
        let (id, encoded) = rest.split_once('+').ok_or(KeyError::Form)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| KeyError::Form)?;
        let (kind, public_key) = bytes.split_first().ok_or(KeyError::Form)?;
        let kind = match kind {
            0x01 => SignatureKind::Ed25519,
            0x04 => SignatureKind::Cosignature,
            _ => return Err(KeyError::Kind),
        };
        let key = Self::new(name, kind, public_key.try_into().map_err(|_| KeyError::Length)?)?;
        // In text the identifier has one spelling, lower case.
        if id == format!("{:08x}", u32::from_be_bytes(key.id)) {
            Ok(key)
        } else {
            Err(KeyError::Id)
        }
    }
}

/// Why a text is not a verifying key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is not `<name>+<id>+<base64>`.
    #[error("a verifying key is written <name>+<id>+<base64>")]
    Form,
    /// The name is empty, too long, or holds white space, a control character or `+`.
    #[error("the name of a key has 1 to 255 bytes, no white space and no \"+\"")]
    Name,
    /// A kind of signature that is not spoken here.
    #[error("the kind of signature is not known")]
    Kind,
    /// The public key is not 32 bytes long.
    #[error("the public key is not 32 bytes long")]
    Length,
    /// The identifier does not belong to name and key.
    #[error("the identifier does not belong to this name and key")]
    Id,
}
