//! Structured fields (RFC 9651) as signatures need them: strict serialisation of a whole field or of one member.

use std::convert::Infallible;

use http::HeaderValue;
use sfv::visitor::{DictionaryVisitor, EntryVisitor, InnerListVisitor, ItemVisitor, ParameterVisitor};
use sfv::{BareItemFromInput, Dictionary, FieldType as _, Item, ItemSerializer, KeyRef, List, Parser};

/// The three forms of a structured field (RFC 9651, section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// One item with parameters.
    Item,
    /// A list of items and inner lists.
    List,
    /// Members by key.
    Dictionary,
}

impl FieldType {
    /// The form of the field called `name`, for the structured fields this product knows. A component with `;sf` needs
    /// it, for one text can be read in more than one form (RFC 9421, section 2.1.1).
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "capsule-protocol" | "client-cert" | "deprecation" | "idempotency-key" => Some(Self::Item),
            "accept-ch" | "cache-status" | "client-cert-chain" | "proxy-status" => Some(Self::List),
            "accept-signature"
            | "cdn-cache-control"
            | "content-digest"
            | "priority"
            | "repr-digest"
            | "signature"
            | "signature-input"
            | "want-content-digest"
            | "want-repr-digest" => Some(Self::Dictionary),
            _ => None,
        }
    }

    /// Writes the strict serialisation of the field with these `lines`; `None` when they are not of this form.
    pub(crate) fn write<'l>(
        self,
        lines: impl Iterator<Item = &'l HeaderValue>,
        out: &mut String,
    ) -> Option<()> {
        let mut joined = Vec::new();
        for line in lines {
            if !joined.is_empty() {
                joined.extend_from_slice(b", ");
            }
            joined.extend_from_slice(line.as_bytes());
        }
        let parser = Parser::new(&joined);
        let text = match self {
            Self::Item => parser.parse::<Item>().ok()?.serialize(),
            Self::List => parser.parse::<List>().ok()?.serialize().unwrap_or_default(),
            Self::Dictionary => parser.parse::<Dictionary>().ok()?.serialize().unwrap_or_default(),
        };
        out.push_str(&text);
        Some(())
    }
}

/// Why a member of a dictionary could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MemberError {
    /// The field is not a dictionary.
    NotADictionary,
    /// The dictionary has no such member.
    Missing,
    /// The dictionary has the member more than once: two readers could take different ones.
    Repeated,
}

/// Writes the strict serialisation of the value of member `key` (RFC 9421, section 2.1.2).
pub(crate) fn write_member<'l>(
    lines: impl Iterator<Item = &'l HeaderValue>,
    key: &str,
    out: &mut String,
) -> Result<(), MemberError> {
    let mut found = 0_usize;
    for line in lines {
        let visitor = MemberVisitor {
            key,
            out,
            found: &mut found,
        };
        let parser = Parser::new(line.as_bytes());
        parser
            .parse_dictionary_with_visitor(visitor)
            .map_err(|_| MemberError::NotADictionary)?;
    }
    match found {
        0 => Err(MemberError::Missing),
        1 => Ok(()),
        _ => Err(MemberError::Repeated),
    }
}

/// Writes `text` as an RFC 9651 String. The caller has seen to it that the text is printable ASCII.
pub(crate) fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let plain = text
        .bytes()
        .fold(true, |all, byte| all & !matches!(byte, b'"' | b'\\'));
    if plain {
        out.push_str(text);
    } else {
        write_escaped(text, out);
    }
    out.push('"');
}

fn write_escaped(text: &str, out: &mut String) {
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            out.push('\\');
        }
        out.push(character);
    }
}

/// Whether `text` can stand in an RFC 9651 String: space to tilde.
pub(crate) fn is_string(text: &str) -> bool {
    // Without a way out in the middle, the compiler looks at many bytes at once; so in `write_string`.
    text.bytes()
        .fold(true, |all, byte| all & matches!(byte, 0x20..=0x7e))
}

/// Writes `;key` or `;key=value`.
pub(crate) fn write_parameter(key: &str, value: &BareItemFromInput<'_>, out: &mut String) {
    out.push(';');
    out.push_str(key);
    if !matches!(value, BareItemFromInput::Boolean(true)) {
        out.push('=');
        write_bare_item(value, out);
    }
}

fn write_bare_item(value: &BareItemFromInput<'_>, out: &mut String) {
    let _ = ItemSerializer::with_buffer(out).bare_item(value).finish();
}

struct MemberVisitor<'v> {
    key: &'v str,
    out: &'v mut String,
    found: &'v mut usize,
}

/// Writes what it visits, in strict form.
struct Writer<'v> {
    out: &'v mut String,
    first: bool,
}

impl<'de> DictionaryVisitor<'de> for MemberVisitor<'_> {
    type Out = ();
    type Error = Infallible;

    fn entry(&mut self, key: &'de KeyRef) -> Result<impl EntryVisitor<'de>, Self::Error> {
        if key.as_str() != self.key {
            return Ok(None);
        }
        *self.found = self.found.saturating_add(1);
        Ok(Some(Writer {
            out: &mut *self.out,
            first: true,
        }))
    }

    fn finish(self) -> Result<Self::Out, Self::Error> {
        Ok(())
    }
}

impl<'de> EntryVisitor<'de> for Writer<'_> {
    type Error = Infallible;

    fn item(self) -> Result<impl ItemVisitor<'de>, Self::Error> {
        Ok(self)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'de>, Self::Error> {
        self.out.push('(');
        Ok(self)
    }
}

impl<'de> ItemVisitor<'de> for Writer<'_> {
    type Out = ();
    type Error = Infallible;

    fn bare_item(
        self,
        value: BareItemFromInput<'de>,
    ) -> Result<impl ParameterVisitor<'de, Out = Self::Out>, Self::Error> {
        write_bare_item(&value, self.out);
        Ok(self)
    }
}

impl<'de> InnerListVisitor<'de> for Writer<'_> {
    type Error = Infallible;

    fn item(&mut self) -> Result<impl ItemVisitor<'de>, Self::Error> {
        if !std::mem::replace(&mut self.first, false) {
            self.out.push(' ');
        }
        Ok(Writer {
            out: &mut *self.out,
            first: true,
        })
    }

    fn finish(self) -> Result<impl ParameterVisitor<'de>, Self::Error> {
        self.out.push(')');
        Ok(self)
    }
}

impl<'de> ParameterVisitor<'de> for Writer<'_> {
    type Out = ();
    type Error = Infallible;

    fn parameter(&mut self, key: &'de KeyRef, value: BareItemFromInput<'de>) -> Result<(), Self::Error> {
        write_parameter(key.as_str(), &value, self.out);
        Ok(())
    }

    fn finish(self) -> Result<Self::Out, Self::Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::{FieldType, MemberError, write_member};

    fn strict(form: FieldType, lines: &[&'static str]) -> Option<String> {
        let lines: Vec<_> = lines.iter().map(|line| HeaderValue::from_static(line)).collect();
        let mut out = String::new();
        form.write(lines.iter(), &mut out).map(|()| out)
    }

    fn member(key: &str, lines: &[&'static str]) -> Result<String, MemberError> {
        let lines: Vec<_> = lines.iter().map(|line| HeaderValue::from_static(line)).collect();
        let mut out = String::new();
        write_member(lines.iter(), key, &mut out).map(|()| out)
    }

    /// The example of RFC 9421, section 2.1.1.
    #[test]
    fn a_dictionary_is_serialised_strictly() {
        let written = strict(FieldType::Dictionary, &["a=1,    b=2;x=1;y=2,   c=(a   b   c)"]).unwrap();
        assert_eq!(written, "a=1, b=2;x=1;y=2, c=(a b c)");
        let written = strict(FieldType::Dictionary, &["a=?1", "b=01.50"]).unwrap();
        assert_eq!(written, "a, b=1.5");
    }

    #[test]
    fn items_and_lists_are_serialised_strictly_or_not_at_all() {
        assert_eq!(strict(FieldType::Item, &[" \"k\";  a "]).unwrap(), "\"k\";a");
        assert_eq!(
            strict(FieldType::List, &["a,b", "(c  d)"]).unwrap(),
            "a, b, (c d)"
        );
        assert_eq!(strict(FieldType::Item, &["a, b"]), None);
        assert_eq!(strict(FieldType::Dictionary, &["\"a\""]), None);
    }

    #[test]
    fn members_are_serialised_strictly_whatever_their_form() {
        let lines = [
            "a=(\"x\";sf   \"y\");created=1;tag=\"a\\\"b\"",
            "b=:AA==:;q, c, d=@5",
        ];
        assert_eq!(
            member("a", &lines).unwrap(),
            "(\"x\";sf \"y\");created=1;tag=\"a\\\"b\""
        );
        assert_eq!(member("b", &lines).unwrap(), ":AA==:;q");
        assert_eq!(member("c", &lines).unwrap(), "?1");
        assert_eq!(member("d", &lines).unwrap(), "@5");
        assert_eq!(member("e", &lines), Err(MemberError::Missing));
        assert_eq!(member("a", &["a=1", "a=2"]), Err(MemberError::Repeated));
        assert_eq!(member("a", &["a=1", "b=("]), Err(MemberError::NotADictionary));
    }
}
