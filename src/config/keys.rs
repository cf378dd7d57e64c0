//! `[keys]`: the key-encryption key, and how long signing keys serve (SP 800-57 part 1, section 5.3).

use std::time::Duration;

use super::quantity::duration_within;
use super::secret_ref::SecretRef;
use super::section::Section;
use super::shape::{Key, Kind, Shape};
use super::value::{Complaint, Parsed, Value};

/// How keys are kept and how long they serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// Key-encryption key under which private keys rest in the store.
    pub kek: SecretRef,
    /// How long a signing key signs before the next one takes over.
    pub period: Duration,
    /// How long the next key is published before it signs, and how long others may keep a copy of the published keys.
    pub publish_ahead: Duration,
}

pub(super) const SHAPE: Shape = Shape {
    name: "keys",
    meaning: "How keys are kept and how long they serve.",
    repeated: false,
    keys: &[
        Key::required(
            "kek",
            Kind::Secret,
            "Reference to the key-encryption key: 32 random bytes in base64.",
        ),
        Key::with_default(
            "period",
            Kind::Duration,
            "\"90d\"",
            "How long a signing key signs before the next one takes over; 1d to 730d.",
        ),
        Key::with_default(
            "publish_ahead",
            Kind::Duration,
            "\"5m\"",
            "How long the next key is published before it signs, and the max-age of published keys; 1s to 24h.",
        ),
    ],
    sections: &[],
};

const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn read(section: &Section<'_>) -> Option<Keys> {
    let kek = section.value("kek", read_kek);
    // Two years: the longest originator-usage period of a symmetric or authentication key (KEY-01).
    let period = section.value("period", duration_within(DAY, DAY * 730));
    let publish_ahead = section.value("publish_ahead", duration_within(Duration::from_secs(1), DAY));
    Some(Keys {
        kek: kek?,
        period: period?,
        publish_ahead: publish_ahead?,
    })
}

fn read_kek(value: &Value<'_>) -> Parsed<SecretRef> {
    if value.text()?.starts_with("pkcs11:") {
        let problem = "a key-encryption key in a PKCS #11 token is not supported by this version";
        return Err(Complaint::new(
            problem,
            "write \"file:PATH\", \"env:NAME\" or \"systemd:NAME\"",
        ));
    }
    SecretRef::read(value)
}
