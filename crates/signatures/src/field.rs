//! Fields as components (RFC 9421, section 2.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;

use crate::base::BaseFault;
use crate::component::{Component, ComponentParameter};
use crate::derived::is_token_byte;
use crate::structured::{FieldType, MemberError, is_string, write_member};

/// How a field's value is taken.
enum Form<'c> {
    Raw,
    Structured,
    Member(&'c str),
    Wrapped,
}

/// Refuses names that no field can have, and parameters that exclude each other.
pub(crate) fn check(component: &Component<'_>) -> Result<(), BaseFault> {
    let name = component.name();
    if name.is_empty() || !name.bytes().all(is_token_byte) {
        return Err(BaseFault::NameInvalid);
    }
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(BaseFault::NameNotLowerCase);
    }
    let (mut wrapped, mut structured) = (false, false);
    for parameter in component.parameters() {
        match parameter {
            ComponentParameter::Bs => wrapped = true,
            ComponentParameter::Sf => structured = true,
            ComponentParameter::Key(key) if is_string(key) => structured = true,
            ComponentParameter::Key(_) | ComponentParameter::Name(_) => {
                return Err(BaseFault::ParameterMisplaced);
            }
            ComponentParameter::Tr | ComponentParameter::Req => {}
        }
    }
    if wrapped && structured {
        Err(BaseFault::ParametersExclusive)
    } else {
        Ok(())
    }
}

/// Writes the value of the field from the headers, or with `tr` from the trailers.
pub(crate) fn write(
    component: &Component<'_>,
    headers: &HeaderMap,
    trailers: Option<&HeaderMap>,
    out: &mut String,
) -> Result<(), BaseFault> {
    let fields = if component.has(&ComponentParameter::Tr) {
        trailers.ok_or(BaseFault::TrailersMissing)?
    } else {
        headers
    };
    let lines = fields.get_all(component.name());
    if lines.iter().next().is_none() {
        return Err(BaseFault::FieldMissing);
    }
    match form(component) {
        Form::Raw => write_raw(lines.iter(), out),
        Form::Wrapped => {
            write_wrapped(lines.iter(), out);
            Ok(())
        }
        Form::Member(key) => write_member(lines.iter(), key, out).map_err(|error| match error {
            MemberError::NotADictionary => BaseFault::NotADictionary,
            MemberError::Missing => BaseFault::MemberMissing,
            MemberError::Repeated => BaseFault::MemberRepeated,
        }),
        Form::Structured => {
            let form = FieldType::of(component.name()).ok_or(BaseFault::NotStructured)?;
            form.write(lines.iter(), out)
                .ok_or(BaseFault::StructuredMalformed)
        }
    }
}

/// A member is serialised strictly anyway, so `key` goes before `sf`.
fn form<'c>(component: &'c Component<'_>) -> Form<'c> {
    let mut form = Form::Raw;
    for parameter in component.parameters() {
        match parameter {
            ComponentParameter::Key(key) => return Form::Member(key),
            ComponentParameter::Sf => form = Form::Structured,
            ComponentParameter::Bs => form = Form::Wrapped,
            _ => {}
        }
    }
    form
}

/// All lines, trimmed and joined by a comma and a space (section 2.1).
fn write_raw<'l>(
    lines: impl Iterator<Item = &'l http::HeaderValue>,
    out: &mut String,
) -> Result<(), BaseFault> {
    for (index, line) in lines.enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        let text = visible(line.as_bytes()).ok_or_else(|| byte_fault(line.as_bytes()))?;
        out.push_str(text.trim_matches([' ', '\t']));
    }
    Ok(())
}

/// The line as text, when it is of printable ASCII and tabs. Without a way out in the middle, the compiler looks at
/// many bytes at once.
fn visible(line: &[u8]) -> Option<&str> {
    let fits = line
        .iter()
        .fold(true, |all, byte| all & matches!(byte, 0x20..=0x7e | b'\t'));
    std::str::from_utf8(line).ok().filter(|_| fits)
}

/// Every line, trimmed, as a byte sequence of its own (section 2.1.3).
fn write_wrapped<'l>(lines: impl Iterator<Item = &'l http::HeaderValue>, out: &mut String) {
    for (index, line) in lines.enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        out.push(':');
        STANDARD.encode_string(trim(line.as_bytes()), out);
        out.push(':');
    }
}

fn trim(mut line: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = line {
        line = rest;
    }
    line
}

fn byte_fault(line: &[u8]) -> BaseFault {
    if line.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
        BaseFault::LineBreak
    } else if line.is_ascii() {
        BaseFault::Control
    } else {
        BaseFault::NotAscii
    }
}
