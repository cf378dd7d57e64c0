//! The first line of a message (RFC 9112, sections 3 and 4).

use super::authority;
use super::limits::METHOD_BYTES;
use super::reason::Reason;

/// What a request line says that matters for framing.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestLine<'l> {
    /// GET and HEAD: content has no meaning there, and some servers do not read it (RFC 9110, section 9.3.1).
    pub(super) takes_no_content: bool,
    /// The authority of a target that has one.
    pub(super) authority: Option<&'l [u8]>,
}

/// What a status line says that matters for framing.
#[derive(Clone, Copy, Debug)]
pub(super) struct StatusLine {
    /// From 100 to 599.
    pub(super) status: u16,
    /// HTTP/1.0, which knows no `Transfer-Encoding`.
    pub(super) is_old: bool,
}

/// Reads a request line without its CRLF.
pub(super) fn request(line: &[u8], target_bytes: usize) -> Result<RequestLine<'_>, Reason> {
    let mut words = line.split(|byte| *byte == b' ');
    let method = words.next().unwrap_or_default();
    check_method(method)?;
    let (target, version) = (words.next(), words.next());
    if words.next().is_some() {
        return Err(Reason::RequestLine);
    }
    // HTTP/0.9 has two words.
    if version != Some(b"HTTP/1.1") {
        return Err(Reason::Version);
    }
    let target = target.unwrap_or_default();
    if target.len() > target_bytes {
        return Err(Reason::TargetTooLong);
    }
    Ok(RequestLine {
        takes_no_content: matches!(method, b"GET" | b"HEAD"),
        authority: check_target(method, target)?,
    })
}

/// Whether method and path (with its query) of a request that came otherwise, over HTTP/2, may stand in a request line. What
/// the guard refuses of one protocol must not come to a backend by way of the other (RFC 9113, section 8.2.1 and 10.3).
///
/// # Errors
/// [`Reason::Method`] and [`Reason::Target`].
pub fn check_translated(method: &[u8], path_and_query: &[u8]) -> Result<(), Reason> {
    check_method(method).and_then(|()| check_path(path_and_query))
}

/// What is wrong with a request line that is longer than any good one.
pub(super) fn too_long(line: &[u8]) -> Reason {
    let method = line.split(|byte| *byte == b' ').next().unwrap_or_default();
    check_method(method).err().unwrap_or(Reason::TargetTooLong)
}

/// Methods are case-sensitive and all in use are of capital letters; a backend that is less strict would take `get` for
/// another method than the gateway.
fn check_method(method: &[u8]) -> Result<(), Reason> {
    let fits = !method.is_empty() && method.len() <= METHOD_BYTES;
    if fits && method.iter().all(|byte| matches!(byte, b'A'..=b'Z' | b'-')) {
        Ok(())
    } else {
        Err(Reason::Method)
    }
}

/// The four forms of RFC 9112, section 3.2. Gives the authority of the absolute form and of CONNECT.
fn check_target<'l>(method: &[u8], target: &'l [u8]) -> Result<Option<&'l [u8]>, Reason> {
    if method == b"CONNECT" {
        return authority::is_with_port(target)
            .then_some(Some(target))
            .ok_or(Reason::Target);
    }
    match target {
        [b'/', ..] => check_path(target).map(|()| None),
        b"*" if method == b"OPTIONS" => Ok(None),
        _ => check_absolute(target).map(Some),
    }
}

/// Only `https`: the guard stands behind TLS, and a target of another scheme names another origin (RFC 9110, section 4.3).
fn check_absolute(target: &[u8]) -> Result<&[u8], Reason> {
    let rest = target.strip_prefix(b"https://").ok_or(Reason::Target)?;
    let slash = rest.iter().position(|byte| *byte == b'/').ok_or(Reason::Target)?;
    let (authority, path) = rest.split_at_checked(slash).ok_or(Reason::Target)?;
    if !authority::is_well_formed(authority) {
        return Err(Reason::Target);
    }
    check_path(path).map(|()| authority)
}

fn check_path(target: &[u8]) -> Result<(), Reason> {
    let mut parts = target.splitn(2, |byte| *byte == b'?');
    let path = parts.next().unwrap_or_default();
    let query = parts.next().unwrap_or_default();
    if path.iter().all(|byte| is_path_byte(*byte)) && query.iter().all(|byte| is_query_byte(*byte)) {
        Ok(())
    } else {
        Err(Reason::Target)
    }
}

/// RFC 3986, section 3.3: `pchar` and the slash. What escapes mean is judged by who routes.
const fn is_path_byte(byte: u8) -> bool {
    matches!(byte,
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'%' | b'!' | b'$' | b'&' | b'\'' | b'('
        | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':' | b'@' | b'/')
}

/// RFC 3986, section 3.4, and what browsers and JSON:API clients leave unescaped in a query, which ends no part of it.
const fn is_query_byte(byte: u8) -> bool {
    is_path_byte(byte) || matches!(byte, b'?' | b'[' | b']' | b'{' | b'}' | b'|' | b'^' | b'`')
}

/// Reads a status line without its CRLF.
pub(super) fn status(line: &[u8]) -> Result<StatusLine, Reason> {
    let (version, rest) = line.split_at_checked(8).ok_or(Reason::StatusLine)?;
    let is_old = match version {
        b"HTTP/1.1" => false,
        b"HTTP/1.0" => true,
        _ => return Err(Reason::Version),
    };
    // A missing phrase is often sent without the space that should stand before it; nothing depends on it.
    let ([b' ', a, b, c] | [b' ', a, b, c, b' ', ..]) = rest else {
        return Err(Reason::StatusLine);
    };
    let digits = [*a, *b, *c];
    if !digits.iter().all(u8::is_ascii_digit) || !matches!(a, b'1'..=b'5') {
        return Err(Reason::StatusLine);
    }
    if !super::line::is_printable(rest) {
        return Err(Reason::StatusLine);
    }
    let status = digits
        .iter()
        .fold(0, |status, digit| status * 10 + u16::from(digit - b'0'));
    Ok(StatusLine { status, is_old })
}
