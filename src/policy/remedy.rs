//! What would turn a refusal into a permit: the text of `@remedy`, what it means, and the facts as they would be
//! once the customer has done it.

use std::fmt;

use super::facts::{Approval, Facts};

/// What the customer can do about a refusal. Written in a policy as one of
///
/// - `@remedy("login:acr2")`, or with a largest age in seconds `@remedy("login:acr2,max_age=300")`
/// - `@remedy("approve:passkey")`, `@remedy("approve:device")`
/// - `@remedy("video")`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Remedy {
    /// Log in again, at least at this level, and at most `max_age` seconds ago (RFC 9470).
    Login {
        /// 1 to 3.
        acr: u8,
        /// Seconds; absent when the age of the login does not matter.
        max_age: Option<u64>,
    },
    /// Be identified by video.
    Video,
    /// Approve exactly this intent with this factor.
    Approve {
        /// What to approve with.
        factor: ApprovalFactor,
    },
}

/// What a customer can approve with. Policies decide for what each is good enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ApprovalFactor {
    /// A passkey over the approval challenge.
    Passkey,
    /// An enrolled device key over the approval challenge.
    Device,
    /// A time-based code. It depends on neither amount nor payee, so no remedy can name it.
    Totp,
}

impl ApprovalFactor {
    /// The factors whose signature can cover amount and payee, and which a remedy may therefore name (SCA-08).
    pub const LINKING: [Self; 2] = [Self::Passkey, Self::Device];

    /// The name in policies, decision tables and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passkey => "passkey",
            Self::Device => "device",
            Self::Totp => "totp",
        }
    }

    /// The factor of that name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Passkey, Self::Device, Self::Totp]
            .into_iter()
            .find(|factor| factor.as_str() == name)
    }
}

/// The text of a `@remedy` that is none of the known ones.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a remedy")]
pub struct UnknownRemedy(pub String);

impl Remedy {
    /// Reads the text of a `@remedy` annotation; nothing but the exact forms above is accepted.
    pub fn parse(text: &str) -> Result<Self, UnknownRemedy> {
        let unknown = || UnknownRemedy(text.to_owned());
        if text == "video" {
            return Ok(Self::Video);
        }
        match text.split_once(':').ok_or_else(unknown)? {
            ("login", how) => parse_login(how).ok_or_else(unknown),
            ("approve", factor) => ApprovalFactor::LINKING
                .into_iter()
                .find(|known| known.as_str() == factor)
                .map(|factor| Self::Approve { factor })
                .ok_or_else(unknown),
            _ => Err(unknown()),
        }
    }

    /// The facts as they would be with this remedy taken. It changes only what the remedy itself proves, and no more
    /// than it proves: a login without `max_age` may be an old one, one with `max_age` just young enough (RFC 9470).
    pub(super) fn cure<'a>(self, facts: Facts<'a>) -> Facts<'a> {
        let mut cured = facts;
        match self {
            Self::Login { acr, max_age } => {
                cured.authn.acr = cured.authn.acr.max(acr);
                cured.authn.age_seconds = cured.authn.age_seconds.min(max_age.unwrap_or(u64::MAX));
            }
            Self::Video => cured.video_age_seconds = Some(0),
            Self::Approve { factor } => {
                cured.approval = Some(Approval {
                    factor,
                    age_seconds: 0,
                })
            }
        }
        cured
    }
}

fn parse_login(how: &str) -> Option<Remedy> {
    let (level, max_age) = match how.split_once(',') {
        Some((level, age)) => (level, Some(parse_seconds(age.strip_prefix("max_age=")?)?)),
        None => (how, None),
    };
    let acr = match level {
        "acr1" => 1,
        "acr2" => 2,
        "acr3" => 3,
        _ => return None,
    };
    Some(Remedy::Login { acr, max_age })
}

/// Decimal digits only: `str::parse` alone would take a sign.
fn parse_seconds(text: &str) -> Option<u64> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

impl fmt::Display for Remedy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Login { acr, max_age: None } => write!(out, "login:acr{acr}"),
            Self::Login {
                acr,
                max_age: Some(age),
            } => write!(out, "login:acr{acr},max_age={age}"),
            Self::Video => out.write_str("video"),
            Self::Approve { factor } => write!(out, "approve:{}", factor.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remedy_reads_back_as_it_was_written() {
        for text in [
            "login:acr1",
            "login:acr2",
            "login:acr3,max_age=300",
            "video",
            "approve:passkey",
            "approve:device",
        ] {
            assert_eq!(
                Remedy::parse(text).map(|remedy| remedy.to_string()).as_deref(),
                Ok(text)
            );
        }
    }

    #[test]
    fn anything_else_is_no_remedy() {
        for text in [
            "",
            "login",
            "login:",
            "login:acr0",
            "login:acr4",
            "login:acr22",
            "login:acr2,",
            "login:acr2,max_age=",
            "login:acr2,max_age=+5",
            "login:acr2,max_age=99999999999999999999999",
            "login:max_age=300",
            "approve:",
            "approve:totp",
            "approve:Passkey",
            " approve:passkey",
            "approve:passkey ",
            "video:",
            "permit",
        ] {
            assert!(Remedy::parse(text).is_err(), "{text:?} was read as a remedy");
        }
    }
}
