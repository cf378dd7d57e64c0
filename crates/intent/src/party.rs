//! Who pays or is paid: a bank account by IBAN, or an opaque name within a scheme.

use crate::{Iban, IbanError};
use std::fmt;

/// Longest scheme, in characters.
const MAX_SCHEME: usize = 32;

/// Longest opaque part behind the colon, in characters.
const MAX_OPAQUE: usize = 128;

/// An account or another thing that can be paid.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Party {
    /// A bank account.
    Iban(Iban),
    /// Something that only its scheme understands, as `scheme:rest`, compared character by character.
    Opaque {
        /// Lower-case letters, digits, `+`, `-` and `.`, beginning with a letter (the shape of RFC 3986, section 3.1).
        scheme: String,
        /// One to 128 visible ASCII characters: nothing that could look like something else.
        rest: String,
    },
}

impl Party {
    /// Reads an IBAN, or `scheme:rest` where there is a colon.
    ///
    /// # Errors
    /// A [`PartyError`] that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, PartyError> {
        let Some((scheme, rest)) = text.split_once(':') else {
            return Ok(Self::Iban(Iban::parse(text)?));
        };
        if !is_scheme(scheme) {
            return Err(PartyError::Scheme);
        }
        // An IBAN has one spelling here, and it has no prefix.
        if scheme == "iban" {
            return Err(PartyError::PrefixedIban);
        }
        if !(1..=MAX_OPAQUE).contains(&rest.len()) {
            return Err(PartyError::OpaqueLength);
        }
        if !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(PartyError::OpaqueCharacter);
        }
        Ok(Self::Opaque {
            scheme: scheme.to_owned(),
            rest: rest.to_owned(),
        })
    }
}

fn is_scheme(text: &str) -> bool {
    let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    let goes_on = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte);
    begins && text.len() <= MAX_SCHEME && text.bytes().all(goes_on)
}

/// The normal form, as it stands in an intent.
impl fmt::Display for Party {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Iban(iban) => fmt::Display::fmt(iban, formatter),
            Self::Opaque { scheme, rest } => write!(formatter, "{scheme}:{rest}"),
        }
    }
}

/// Whom somebody pays is personal: a log sees the kind only.
impl fmt::Debug for Party {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Iban(iban) => fmt::Debug::fmt(iban, formatter),
            Self::Opaque { scheme, .. } => write!(formatter, "Opaque({scheme}:…)"),
        }
    }
}

/// Why a text names no party.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartyError {
    /// Without a colon it would have to be an IBAN, and is none.
    #[error(transparent)]
    Iban(#[from] IbanError),
    /// What stands before the colon is not a scheme.
    #[error(
        "the scheme is one to 32 lower-case letters, digits, \"+\", \"-\" or \".\", and begins with a letter"
    )]
    Scheme,
    /// An IBAN behind a prefix would be a second spelling of one account.
    #[error("an IBAN stands without a prefix")]
    PrefixedIban,
    /// Nothing, or more than 128 characters, behind the colon.
    #[error("one to 128 characters stand behind the scheme")]
    OpaqueLength,
    /// Something other than visible ASCII behind the colon.
    #[error("only visible ASCII characters stand behind the scheme")]
    OpaqueCharacter,
}

impl PartyError {
    /// The name by which vectors and logs know this error.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Iban(error) => error.name(),
            Self::Scheme => "scheme",
            Self::PrefixedIban => "prefixed-iban",
            Self::OpaqueLength => "opaque-length",
            Self::OpaqueCharacter => "opaque-character",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colon_decides_between_iban_and_scheme() {
        assert!(matches!(
            Party::parse("DE89 3704 0044 0532 0130 00"),
            Ok(Party::Iban(_))
        ));
        let merchant = Party::parse("merchant:4711/shop:3").unwrap();
        assert_eq!(merchant.to_string(), "merchant:4711/shop:3");
        assert_eq!(format!("{merchant:?}"), "Opaque(merchant:…)");
    }

    #[test]
    fn refusals_are_named() {
        let long = format!("merchant:{}", "a".repeat(129));
        let refusals = [
            (":4711", PartyError::Scheme),
            ("Merchant:4711", PartyError::Scheme),
            ("1a:4711", PartyError::Scheme),
            ("mer chant:4711", PartyError::Scheme),
            ("iban:DE89370400440532013000", PartyError::PrefixedIban),
            ("merchant:", PartyError::OpaqueLength),
            (long.as_str(), PartyError::OpaqueLength),
            ("merchant:47 11", PartyError::OpaqueCharacter),
            ("merchant:47\n11", PartyError::OpaqueCharacter),
            ("merchant:４７１１", PartyError::OpaqueCharacter),
            ("4711", PartyError::Iban(IbanError::Length)),
        ];
        for (text, error) in refusals {
            assert_eq!(Party::parse(text), Err(error), "{text:?}");
        }
    }
}
