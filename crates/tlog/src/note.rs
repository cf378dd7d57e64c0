//! Signed notes: a text, and lines of signatures under it (C2SP `signed-note`).

use crate::key::is_key_name;
use crate::{SignatureKind, VerifierKey, cosignature};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

/// Most signatures of a note. The specification wants room for 16.
pub const MAX_SIGNATURES: usize = 64;

/// Largest note, in bytes: room for [`MAX_SIGNATURES`] post-quantum signatures that are passed on unread.
pub const MAX_NOTE_BYTES: usize = 512 * 1024;

/// Bytes of an Ed25519 signature.
pub const SIGNATURE_BYTES: usize = 64;

/// A text with its signatures, of which none is believed before [`Note::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// One signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    name: String,
    key_id: [u8; 4],
    bytes: Vec<u8>,
}

/// A signature that was found good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified<'a> {
    /// By which key.
    pub key: &'a VerifierKey,
    /// When, in seconds since 1970; only cosignatures say so.
    pub time: Option<u64>,
}

impl Note {
    /// A note without signatures.
    ///
    /// # Errors
    /// [`NoteError::Text`] when the text does not end in a line feed or holds another control character, and
    /// [`NoteError::TooLarge`].
    pub fn new(text: impl Into<String>) -> Result<Self, NoteError> {
        let text = text.into();
        if text.len() > MAX_NOTE_BYTES {
            return Err(NoteError::TooLarge);
        }
        if !text.ends_with('\n') || has_control(&text) {
            return Err(NoteError::Text);
        }
        Ok(Self {
            text,
            signatures: Vec::new(),
        })
    }

    /// Reads a note with at least one signature.
    ///
    /// # Errors
    /// A [`NoteError`] that says what is wrong with its form.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > MAX_NOTE_BYTES {
            return Err(NoteError::TooLarge);
        }
        let whole = std::str::from_utf8(bytes).map_err(|_| NoteError::NotUtf8)?;
        // The text keeps its line feed; the last empty line separates.
        let end = whole.rfind("\n\n").ok_or(NoteError::NoBlankLine)? + 1;
        let (text, rest) = whole.split_at_checked(end).ok_or(NoteError::NoBlankLine)?;
        let mut note = Self::new(text)?;
        let lines = rest
            .strip_prefix('\n')
            .and_then(|lines| lines.strip_suffix('\n'))
            .ok_or(NoteError::Signature)?;
        for line in lines.split('\n') {
            note.add(NoteSignature::parse(line)?)?;
        }
        Ok(note)
    }

    /// The signed text; it ends in a line feed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines, of known and unknown keys.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Adds a signature line, once.
    ///
    /// # Errors
    /// [`NoteError::TooManySignatures`], or [`NoteError::RepeatedSignature`] when the very line is there.
    pub fn add(&mut self, signature: NoteSignature) -> Result<(), NoteError> {
        if self.signatures.len() >= MAX_SIGNATURES {
            return Err(NoteError::TooManySignatures);
        }
        if self.signatures.contains(&signature) {
            return Err(NoteError::RepeatedSignature);
        }
        self.signatures.push(signature);
        Ok(())
    }

    /// Signs the text as a log does. `sign` makes an Ed25519 signature with the private half of `key`, wherever it lives;
    /// the result is verified before it is added.
    ///
    /// # Errors
    /// The signer's own, or [`NoteError`] when the key is of another kind, or does not verify what was signed.
    pub fn sign<E: From<NoteError>>(
        &mut self,
        key: &VerifierKey,
        sign: impl FnOnce(&[u8]) -> Result<[u8; SIGNATURE_BYTES], E>,
    ) -> Result<(), E> {
        if key.kind() != SignatureKind::Ed25519 {
            return Err(NoteError::WrongKind.into());
        }
        let signature = sign(self.text.as_bytes())?;
        Ok(self.add(NoteSignature::checked(
            key,
            self.text.as_bytes(),
            signature.to_vec(),
            &signature,
        )?)?)
    }

    /// Verifies every signature of a known key, and says which keys signed, each once. Signatures of unknown keys are
    /// passed over, also those that share only the name or only the identifier with a known one.
    ///
    /// # Errors
    /// [`NoteError::BadSignature`] when a known key's signature fails, [`NoteError::Unverified`] when no known key signed.
    pub fn verify<'k>(&self, keys: &'k [VerifierKey]) -> Result<Vec<Verified<'k>>, NoteError> {
        let mut verified: Vec<Verified<'k>> = Vec::new();
        for signature in &self.signatures {
            for key in keys.iter().filter(|key| signature.is_by(key)) {
                let good = signature.verify(key, &self.text)?;
                if !verified.iter().any(|earlier| earlier.key == key) {
                    verified.push(good);
                }
            }
        }
        if verified.is_empty() {
            Err(NoteError::Unverified)
        } else {
            Ok(verified)
        }
    }
}

impl NoteSignature {
    /// Reads one line, without its line feed.
    ///
    /// # Errors
    /// [`NoteError::Signature`]
    pub fn parse(line: &str) -> Result<Self, NoteError> {
        let (name, encoded) = line
            .strip_prefix("— ")
            .and_then(|rest| rest.split_once(' '))
            .ok_or(NoteError::Signature)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| NoteError::Signature)?;
        match bytes.split_first_chunk::<4>() {
            Some((key_id, bytes)) if is_key_name(name) && !bytes.is_empty() => Ok(Self {
                name: name.to_owned(),
                key_id: *key_id,
                bytes: bytes.to_vec(),
            }),
            _ => Err(NoteError::Signature),
        }
    }

    /// The name of the key.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The identifier of the key.
    #[must_use]
    pub const fn key_id(&self) -> [u8; 4] {
        self.key_id
    }

    /// The signature behind the identifier; of a cosignature time and signature.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether name and identifier are those of `key`.
    #[must_use]
    pub fn is_by(&self, key: &VerifierKey) -> bool {
        self.name == key.name() && self.key_id == key.id()
    }

    /// A line for a signature that was just made, once `key` has verified it.
    pub(crate) fn checked(
        key: &VerifierKey,
        message: &[u8],
        bytes: Vec<u8>,
        signature: &[u8; SIGNATURE_BYTES],
    ) -> Result<Self, NoteError> {
        if !key.verifies(message, signature) {
            return Err(NoteError::BadSignature {
                name: key.name().to_owned(),
            });
        }
        Ok(Self {
            name: key.name().to_owned(),
            key_id: key.id(),
            bytes,
        })
    }

    fn verify<'k>(&self, key: &'k VerifierKey, text: &str) -> Result<Verified<'k>, NoteError> {
        let time = match key.kind() {
            SignatureKind::Ed25519 => key.verifies(text.as_bytes(), &self.bytes).then_some(None),
            SignatureKind::Cosignature => cosignature::verify(key, text, &self.bytes).map(Some),
        };
        let bad = || NoteError::BadSignature {
            name: key.name().to_owned(),
        };
        Ok(Verified {
            key,
            time: time.ok_or_else(bad)?,
        })
    }
}

fn has_control(text: &str) -> bool {
    text.bytes().any(|byte| byte < b' ' && byte != b'\n')
}

impl fmt::Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.text)?;
        self.signatures
            .iter()
            .try_for_each(|signature| writeln!(formatter, "{signature}"))
    }
}

/// The line, without its line feed.
impl fmt::Display for NoteSignature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.key_id, self.bytes.as_slice()].concat();
        write!(formatter, "— {} {}", self.name, STANDARD.encode(bytes))
    }
}

/// What is wrong with a note.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// More than [`MAX_NOTE_BYTES`].
    #[error("the note is too large")]
    TooLarge,
    /// Not UTF-8.
    #[error("the note is not UTF-8")]
    NotUtf8,
    /// No empty line stands between text and signatures.
    #[error("no empty line separates the text from its signatures")]
    NoBlankLine,
    /// The text does not end in a line feed, or holds another control character.
    #[error("the text of the note does not end in a line feed, or holds a control character")]
    Text,
    /// A signature line is malformed.
    #[error("a signature line is malformed")]
    Signature,
    /// More than [`MAX_SIGNATURES`].
    #[error("the note has too many signatures")]
    TooManySignatures,
    /// One line stands twice.
    #[error("a signature line stands twice")]
    RepeatedSignature,
    /// The signature of a known key does not fit the text.
    #[error("the signature of {name} does not fit the text")]
    BadSignature {
        /// The name of the key.
        name: String,
    },
    /// No known key has signed.
    #[error("no known key has signed the note")]
    Unverified,
    /// A log's key was asked for a cosignature, or a witness's for a signature.
    #[error("the key is of another kind")]
    WrongKind,
    /// A cosignature cannot have this time.
    #[error("the time is zero or beyond 63 bits")]
    Time,
}
