//! `[[upstream]] settle`: how the outcome of a payment that was never answered becomes known.

use std::fmt;
use std::time::Duration;

use super::quantity::duration_within;
use super::section::{Section, Weight};
use super::shape::{Key, Kind};
use super::value::{Complaint, Parsed, Value};

/// How an unknown outcome becomes known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settle {
    /// The backend is asked.
    Probe {
        /// How long an outcome is unknown before "not found" is believed.
        after: Duration,
        /// Where to ask.
        path: ProbePath,
    },
    /// The request is sent again: the backend executes one key once.
    Retry,
    /// It waits for people to decide.
    Hold,
}

/// Where a backend tells what became of a payment: a path with `{key}` or `{txn}` in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbePath(String);

const WAYS: &[&str] = &["probe", "retry", "hold"];
const DEFAULT_PATH: &str = "/payments/{key}";
const DEFAULT_AFTER: Duration = Duration::from_secs(600);
/// Until when a backend that checks what it receives may execute a copy: the life of a Txn-Token, and its clock being behind.
const LATEST_EXECUTION: Duration = Duration::from_secs(70);
const LONGEST_AFTER: Duration = Duration::from_secs(7 * 86_400);

pub(super) const WAY: Key = Key::with_default(
    "settle",
    Kind::Word(WAYS),
    "\"hold\"",
    "How an unknown outcome is found out: by asking the backend, by sending again to one that executes a key once, or by people.",
);
pub(super) const AFTER: Key = Key::optional(
    "settle_after",
    Kind::Duration,
    "With settle = \"probe\": how long an outcome is unknown before \"not found\" is believed; 1s to 7d, 10m when left out.",
);
pub(super) const PATH: Key = Key::optional(
    "settle_path",
    Kind::Text,
    "With settle = \"probe\": where the backend tells what became of a payment, with {key} or {txn} in it; /payments/{key} when left out.",
);

impl Settle {
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let way = section.value("settle", |value| value.word(WAYS));
        let after = section.optional(
            "settle_after",
            duration_within(Duration::from_secs(1), LONGEST_AFTER),
        );
        let path = section.optional("settle_path", ProbePath::read);
        let way = way?;
        if way != "probe" {
            refuse_keys_of_probe(section);
        }
        Some(match way {
            "probe" => Self::Probe {
                after: after.unwrap_or(DEFAULT_AFTER),
                path: path.unwrap_or_else(|| ProbePath(DEFAULT_PATH.to_owned())),
            },
            "retry" => Self::Retry,
            _ => Self::Hold,
        })
    }

    /// What a backend says about a payment counts when it signs it, or when both sides have proven themselves.
    pub(super) fn check(&self, section: &Section<'_>, signs: bool, mutual: bool) {
        let Self::Probe { after, .. } = self else {
            return;
        };
        if *after < LATEST_EXECUTION {
            section.add(
                Weight::Warning,
                "settle_after",
                "a copy of the payment can still be on its way and be executed after it was settled",
                "write 70s or more, unless the backend executes nothing that old",
            );
        }
        if !signs && !mutual {
            section.fault(
                "settle",
                "nobody vouches for what the backend says about a payment",
                "add answer_keys, or client_certificate and client_key on https",
            );
        }
    }

    /// The word that stands for it in the configuration file.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Probe { .. } => "probe",
            Self::Retry => "retry",
            Self::Hold => "hold",
        }
    }
}

fn refuse_keys_of_probe(section: &Section<'_>) {
    for key in ["settle_after", "settle_path"] {
        if section.has(key) {
            section.fault(
                key,
                "it has a meaning with settle = \"probe\" only",
                "write settle = \"probe\" or leave it out",
            );
        }
    }
}

impl ProbePath {
    fn read(value: &Value<'_>) -> Parsed<Self> {
        let text = value.text()?;
        let names_payment = text.contains("{key}") || text.contains("{txn}");
        let sample = text.replace("{key}", "k").replace("{txn}", "t");
        let is_path = sample.starts_with('/')
            && !sample.contains(['{', '}', '#'])
            && sample.parse::<http::uri::PathAndQuery>().is_ok();
        if names_payment && is_path {
            return Ok(Self(text.to_owned()));
        }
        Err(Complaint::new(
            format!("{} is no path that names a payment", value.quoted()),
            "write a path with {key} or {txn} in it, such as \"/payments/{key}\"",
        ))
    }

    /// The path of one payment. `None` for a key of dots only: servers take such a segment for another folder.
    #[must_use]
    pub fn of(&self, key: &str, transaction: &str) -> Option<String> {
        let only_dots = key.bytes().all(|byte| byte == b'.');
        if self.0.contains("{key}") && only_dots {
            return None;
        }
        let path = self.0.replace("{txn}", &escaped(transaction));
        Some(path.replace("{key}", &escaped(key)))
    }
}

/// Percent-encoded but for what RFC 3986 leaves unreserved (section 2.3).
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

impl fmt::Display for ProbePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_segment_whatever_stands_in_it() {
        let path = ProbePath(DEFAULT_PATH.to_owned());
        assert_eq!(path.of("8e03-978e", "t").unwrap(), "/payments/8e03-978e");
        assert_eq!(
            path.of("a/../b?c#d%2e{txn}", "t").unwrap(),
            "/payments/a%2F..%2Fb%3Fc%23d%252e%7Btxn%7D"
        );
        for dots in [".", "..", "..."] {
            assert_eq!(path.of(dots, "t"), None);
        }
        let by_transaction = ProbePath("/transactions?txn={txn}".to_owned());
        assert_eq!(by_transaction.of("..", "t-1").unwrap(), "/transactions?txn=t-1");
    }
}
