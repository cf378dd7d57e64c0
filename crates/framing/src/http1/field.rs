//! One header line, and the fields that say where a message ends (RFC 9112, sections 5 and 6).

use super::limits::CONTENT_LENGTH_DIGITS;
use super::line::{is_printable, is_token, trim};
use super::reason::Reason;

/// Fields that may not stand behind a body: they frame, route or authenticate, or say how to read what was read already
/// (RFC 9110, section 6.5.1).
const NEVER_TRAILERS: [&[u8]; 20] = [
    b"authorization",
    b"cache-control",
    b"connection",
    b"content-encoding",
    b"content-length",
    b"content-range",
    b"content-type",
    b"expect",
    b"host",
    b"keep-alive",
    b"location",
    b"max-forwards",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"set-cookie",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
    b"www-authenticate",
];

/// What the header section says about the message's frame.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Declared {
    /// `Content-Length`.
    pub(super) length: Option<u64>,
    /// `Transfer-Encoding: chunked`.
    pub(super) chunked: bool,
    /// Whether there was a `Host`.
    pub(super) host: bool,
}

impl Declared {
    /// Takes a field of a header section in.
    pub(super) fn take(&mut self, name: &[u8], value: &[u8]) -> Result<(), Reason> {
        match name.len() {
            4 if is(name, b"host")? => self.take_host(value),
            14 if is(name, b"content-length")? => self.take_length(value),
            17 if is(name, b"transfer-encoding")? => self.take_coding(value),
            _ => Ok(()),
        }
    }

    fn take_host(&mut self, value: &[u8]) -> Result<(), Reason> {
        if self.host {
            return Err(Reason::HostRepeated);
        }
        self.host = true;
        if super::authority::is_well_formed(value) {
            Ok(())
        } else {
            Err(Reason::Host)
        }
    }

    fn take_length(&mut self, value: &[u8]) -> Result<(), Reason> {
        if self.length.is_some() {
            return Err(Reason::ContentLengthRepeated);
        }
        if self.chunked {
            return Err(Reason::TwoFramings);
        }
        self.length = Some(decimal(value).ok_or(Reason::ContentLength)?);
        Ok(())
    }

    fn take_coding(&mut self, value: &[u8]) -> Result<(), Reason> {
        if self.chunked {
            return Err(Reason::TransferEncodingRepeated);
        }
        if self.length.is_some() {
            return Err(Reason::TwoFramings);
        }
        if !value.eq_ignore_ascii_case(b"chunked") {
            return Err(Reason::TransferEncoding);
        }
        self.chunked = true;
        Ok(())
    }
}

/// Name and value of a header line without its CRLF.
pub(super) fn read(line: &[u8]) -> Result<(&[u8], &[u8]), Reason> {
    if let [b' ' | b'\t', ..] = line {
        return Err(Reason::ObsoleteFold);
    }
    let colon = line.iter().position(|byte| *byte == b':');
    let (name, rest) = colon
        .and_then(|colon| line.split_at_checked(colon))
        .ok_or(Reason::NoColon)?;
    if let [.., b' ' | b'\t'] = name {
        return Err(Reason::SpaceBeforeColon);
    }
    if !is_token(name) {
        return Err(Reason::FieldName);
    }
    let value = rest.get(1..).unwrap_or_default();
    if !is_printable(value) {
        return Err(Reason::FieldValue);
    }
    Ok((name, trim(value)))
}

/// Whether a field may stand behind a body.
pub(super) fn may_trail(name: &[u8]) -> bool {
    !NEVER_TRAILERS
        .iter()
        .any(|never| name.eq_ignore_ascii_case(never))
}

/// Whether `name` is `lower`. One that differs by underscores alone is refused: behind CGI and its heirs both are the same
/// variable (RFC 3875, section 4.1.18).
fn is(name: &[u8], lower: &[u8]) -> Result<bool, Reason> {
    if name.eq_ignore_ascii_case(lower) {
        return Ok(true);
    }
    let folded = |byte: &u8| {
        if *byte == b'_' {
            b'-'
        } else {
            byte.to_ascii_lowercase()
        }
    };
    if name.iter().map(folded).eq(lower.iter().copied()) {
        Err(Reason::FieldLookalike)
    } else {
        Ok(false)
    }
}

/// Digits alone. A leading zero is refused: some read what follows it as octal.
fn decimal(value: &[u8]) -> Option<u64> {
    let zero_first = value.len() > 1 && value.first() == Some(&b'0');
    if value.is_empty() || value.len() > CONTENT_LENGTH_DIGITS || zero_first {
        return None;
    }
    value.iter().try_fold(0_u64, |length, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        length.checked_mul(10)?.checked_add(digit)
    })
}
