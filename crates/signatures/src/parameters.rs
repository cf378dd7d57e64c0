//! Signature parameters (RFC 9421, section 2.3).

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::algorithm::Algorithm;
use crate::structured::{is_string, write_string};

/// Largest magnitude of an RFC 9651 Integer.
const INTEGER_MAX: i64 = 999_999_999_999_999;

/// What a signature says about itself. Parameters that are `None` are not sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters<'a> {
    /// When the signature was made, in seconds since 1970.
    pub created: Option<i64>,
    /// When it stops to be valid, in seconds since 1970.
    pub expires: Option<i64>,
    /// A value that its signer uses once.
    pub nonce: Option<Cow<'a, str>>,
    /// Which key made it.
    pub keyid: Option<Cow<'a, str>>,
    /// By which algorithm.
    pub alg: Option<Algorithm>,
    /// What it is for.
    pub tag: Option<Cow<'a, str>>,
}

/// The names of the signature parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParameterName {
    /// `created`
    Created,
    /// `expires`
    Expires,
    /// `nonce`
    Nonce,
    /// `keyid`
    KeyId,
    /// `alg`
    Alg,
    /// `tag`
    Tag,
}

/// Why parameters cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// A time beyond fifteen digits.
    #[error("the parameter {0} is beyond the range of an integer")]
    OutOfRange(ParameterName),
    /// A text with characters outside printable ASCII.
    #[error("the parameter {0} is not printable ASCII")]
    NotAscii(ParameterName),
}

impl Parameters<'_> {
    /// Whether the parameter is there.
    #[must_use]
    pub const fn has(&self, name: ParameterName) -> bool {
        match name {
            ParameterName::Created => self.created.is_some(),
            ParameterName::Expires => self.expires.is_some(),
            ParameterName::Nonce => self.nonce.is_some(),
            ParameterName::KeyId => self.keyid.is_some(),
            ParameterName::Alg => self.alg.is_some(),
            ParameterName::Tag => self.tag.is_some(),
        }
    }

    /// The parameters as they are sent and signed, such as `;created=1618884473;keyid="k"`; always in the same order,
    /// which is the one that verifiers use which forget the received order.
    ///
    /// # Errors
    /// See [`ParameterError`].
    pub fn serialize(&self) -> Result<String, ParameterError> {
        let mut out = String::with_capacity(160);
        write_time(ParameterName::Created, self.created, &mut out)?;
        write_time(ParameterName::Expires, self.expires, &mut out)?;
        write_text(ParameterName::Nonce, self.nonce.as_deref(), &mut out)?;
        write_text(ParameterName::Alg, self.alg.map(Algorithm::name), &mut out)?;
        write_text(ParameterName::KeyId, self.keyid.as_deref(), &mut out)?;
        write_text(ParameterName::Tag, self.tag.as_deref(), &mut out)?;
        Ok(out)
    }
}

fn write_time(name: ParameterName, time: Option<i64>, out: &mut String) -> Result<(), ParameterError> {
    let Some(time) = time else { return Ok(()) };
    if !(-INTEGER_MAX..=INTEGER_MAX).contains(&time) {
        return Err(ParameterError::OutOfRange(name));
    }
    // Writing to a String cannot fail.
    let _ = write!(out, ";{name}={time}");
    Ok(())
}

fn write_text(name: ParameterName, text: Option<&str>, out: &mut String) -> Result<(), ParameterError> {
    let Some(text) = text else { return Ok(()) };
    if !is_string(text) {
        return Err(ParameterError::NotAscii(name));
    }
    out.push(';');
    out.push_str(name.name());
    out.push('=');
    write_string(text, out);
    Ok(())
}

impl ParameterName {
    /// The name as it is sent.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Expires => "expires",
            Self::Nonce => "nonce",
            Self::KeyId => "keyid",
            Self::Alg => "alg",
            Self::Tag => "tag",
        }
    }

    /// The parameter called `name`.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [
            Self::Created,
            Self::Expires,
            Self::Nonce,
            Self::KeyId,
            Self::Alg,
            Self::Tag,
        ]
        .into_iter()
        .find(|parameter| parameter.name() == name)
    }
}

impl std::fmt::Display for ParameterName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::{INTEGER_MAX, ParameterError, ParameterName, Parameters};

    #[test]
    fn text_is_escaped() {
        let parameters = Parameters {
            keyid: Some(r#"a"b\c"#.into()),
            ..Parameters::default()
        };
        assert_eq!(parameters.serialize().unwrap(), r#";keyid="a\"b\\c""#);
    }

    #[test]
    fn what_a_structured_field_cannot_carry_is_refused() {
        let late = Parameters {
            expires: Some(INTEGER_MAX + 1),
            ..Parameters::default()
        };
        assert_eq!(
            late.serialize(),
            Err(ParameterError::OutOfRange(ParameterName::Expires))
        );
        for text in ["a\nb", "ü", "\u{7f}"] {
            let parameters = Parameters {
                nonce: Some(text.into()),
                ..Parameters::default()
            };
            assert_eq!(
                parameters.serialize(),
                Err(ParameterError::NotAscii(ParameterName::Nonce))
            );
        }
    }
}
