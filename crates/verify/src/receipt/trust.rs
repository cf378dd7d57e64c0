//! Whose signatures under a checkpoint count.

use countersign_jose::from_base64url;
use countersign_tlog::{
    Checkpoint, Note, NoteError, NoteSignature, SignatureKind, Trust, TrustError, Trusted, VerifierKey,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::fault::ReceiptFault;
use super::file::File;

/// The log that receipts have to be in, by all keys it ever had, and the witnesses that are known.
#[derive(Clone, Debug)]
pub struct ReceiptTrust(Trust);

/// Why keys cannot be relied on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptTrustError {
    /// There is no key of a log.
    #[error("there is no key of a log among them")]
    NoLogKey,
    /// They are of several logs.
    #[error("the keys are of several logs: \"{0}\" and \"{1}\"")]
    SeveralLogs(String, String),
    /// The key document is not what `/.well-known/countersign/keys` answers.
    #[error("the document of published keys is not readable")]
    Document,
    /// A witness has the key of the log or of another witness.
    #[error("one key stands under two names")]
    Repeated,
}

/// The parts of `/.well-known/countersign/keys` that count here.
#[derive(Deserialize)]
struct Document {
    keys: Vec<Map<String, Value>>,
    log: LogKeys,
}

#[derive(Deserialize)]
struct LogKeys {
    vkeys: Vec<String>,
}

impl ReceiptTrust {
    /// Relies on these verifying keys: those of the log, named as it is called, and those of witnesses.
    ///
    /// # Errors
    /// [`ReceiptTrustError`] when they are not of one log.
    pub fn new(keys: impl IntoIterator<Item = VerifierKey>) -> Result<Self, ReceiptTrustError> {
        let mut distinct: Vec<VerifierKey> = Vec::new();
        for key in keys {
            if !distinct.contains(&key) {
                distinct.push(key);
            }
        }
        let (logs, witnesses): (Vec<_>, Vec<_>) = distinct
            .into_iter()
            .partition(|key| key.kind() == SignatureKind::Ed25519);
        let origin = logs.first().ok_or(ReceiptTrustError::NoLogKey)?.name().to_owned();
        if let Some(other) = logs.iter().find(|key| key.name() != origin) {
            return Err(ReceiptTrustError::SeveralLogs(origin, other.name().to_owned()));
        }
        Trust::new(&origin, logs, witnesses, 0)
            .map(Self)
            .map_err(|_| ReceiptTrustError::Repeated)
    }

    /// The log's keys in a document that the gateway published, but those it says were compromised. Whoever takes the
    /// document from a stranger trusts the stranger.
    ///
    /// # Errors
    /// [`ReceiptTrustError::Document`].
    pub fn published_keys(document: &[u8]) -> Result<Vec<VerifierKey>, ReceiptTrustError> {
        let document: Document = serde_json::from_slice(document).map_err(|_| ReceiptTrustError::Document)?;
        let compromised: Vec<Vec<u8>> = document.keys.iter().filter_map(compromised).collect();
        let keys = document.log.vkeys.iter().map(|text| text.parse());
        let keys: Vec<VerifierKey> = keys
            .collect::<Result<_, _>>()
            .map_err(|_| ReceiptTrustError::Document)?;
        let good = |key: &VerifierKey| !compromised.iter().any(|bad| bad == key.public_key());
        Ok(keys.into_iter().filter(good).collect())
    }

    /// The log.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.0.origin()
    }

    /// The checkpoint of a receipt with its cosignatures, as far as they are believed.
    pub(super) fn verify(&self, file: &File) -> Result<Trusted, ReceiptFault> {
        let malformed = |error: &dyn std::fmt::Display| ReceiptFault::Checkpoint(error.to_string());
        let mut note = Note::parse(file.checkpoint.as_bytes()).map_err(|error| malformed(&error))?;
        let checkpoint = Checkpoint::from_note(&note).map_err(|error| malformed(&error))?;
        if checkpoint.origin() != self.origin() {
            return Err(ReceiptFault::Origin(
                checkpoint.origin().chars().take(255).collect(),
            ));
        }
        for line in &file.cosignatures {
            let added = NoteSignature::parse(line).and_then(|signature| note.add(signature));
            added.map_err(|error| ReceiptFault::Cosignature(error.to_string()))?;
        }
        self.0.verify(&note).map_err(|error| self.fault(error))
    }

    fn fault(&self, error: TrustError) -> ReceiptFault {
        match error {
            TrustError::Note(NoteError::BadSignature { name }) if name == self.origin() => {
                ReceiptFault::CheckpointSignature
            }
            TrustError::Note(NoteError::BadSignature { name }) => ReceiptFault::Cosignature(name),
            TrustError::Note(NoteError::Unverified) | TrustError::NotByLog => ReceiptFault::LogKeyUnknown,
            TrustError::Origin => ReceiptFault::Origin(self.origin().to_owned()),
            other => ReceiptFault::Checkpoint(other.to_string()),
        }
    }
}

/// The public key of a log key that must not be believed any more.
fn compromised(key: &Map<String, Value>) -> Option<Vec<u8>> {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    let is = text("purpose") == Some("log") && text("state") == Some("compromised");
    is.then(|| text("x").and_then(from_base64url))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn vkey(name: &str, kind: SignatureKind, byte: u8) -> VerifierKey {
        VerifierKey::new(name, kind, [byte; 32]).unwrap()
    }

    #[test]
    fn keys_are_of_one_log() {
        let log = vkey("a", SignatureKind::Ed25519, 1);
        let rotated = vkey("a", SignatureKind::Ed25519, 2);
        let witness = vkey("w", SignatureKind::Cosignature, 3);
        let trust = ReceiptTrust::new([log.clone(), rotated, witness.clone(), log.clone()]).unwrap();
        assert_eq!(trust.origin(), "a");
        let refused = |keys: Vec<VerifierKey>| ReceiptTrust::new(keys).unwrap_err();
        assert_eq!(refused(vec![witness]), ReceiptTrustError::NoLogKey);
        let other = vkey("b", SignatureKind::Ed25519, 4);
        assert!(matches!(
            refused(vec![log.clone(), other]),
            ReceiptTrustError::SeveralLogs(..)
        ));
        let twice = vkey("w", SignatureKind::Cosignature, 1);
        assert_eq!(refused(vec![log, twice]), ReceiptTrustError::Repeated);
    }

    #[test]
    fn a_compromised_key_does_not_count() {
        let (good, bad) = (
            vkey("a", SignatureKind::Ed25519, 1),
            vkey("a", SignatureKind::Ed25519, 2),
        );
        let described = |key: &VerifierKey, state: &str| {
            json!({"kty": "OKP", "crv": "Ed25519", "x": countersign_jose::base64url(key.public_key()),
                "purpose": "log", "state": state})
        };
        let document = json!({
            "keys": [described(&good, "retiring"), described(&bad, "compromised")],
            "log": {"origin": "a", "vkeys": [good.to_string(), bad.to_string()]},
        });
        let keys = ReceiptTrust::published_keys(document.to_string().as_bytes()).unwrap();
        assert_eq!(keys, [good]);
        for wrong in ["", "[]", "{}", r#"{"keys":[],"log":{"vkeys":["a"]}}"#] {
            assert!(ReceiptTrust::published_keys(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
