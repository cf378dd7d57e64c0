//! One request as the access log tells it.

use std::io::Write as _;
use std::time::Duration;

use http::{Method, StatusCode};

use super::moment;
use crate::base::{ClientId, Code, Connection, Decimal, Door, RequestId, Timestamp};

/// What a line says. Every text in it is a word of the program, a name of the configuration or an identifier of ours.
pub struct AccessLine<'a> {
    /// When the request arrived.
    pub at: Timestamp,
    /// From the head of the request to its answer.
    pub took: Duration,
    /// Its name, where it came as far as to get one.
    pub request: Option<RequestId>,
    /// What it came over, where that is known.
    pub connection: Option<&'a Connection>,
    /// Name and access of the route; none where no route was found.
    pub route: Option<(&'a str, &'static str)>,
    /// The method, where there was one.
    pub method: Option<&'a Method>,
    /// The answer's status.
    pub status: StatusCode,
    /// Why it was refused, when it was.
    pub refusal: Option<Code>,
    /// Bytes of the request's content, where they were announced.
    pub received: Option<u64>,
    /// Bytes of the answer's content, where they are known beforehand.
    pub sent: Option<u64>,
    /// The app whose valid access token came with it.
    pub client: Option<&'a ClientId>,
}

impl AccessLine<'_> {
    /// Appends the line, with its end.
    pub(super) fn write(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(br#"{"time":""#);
        moment::write(into, self.at);
        into.push(b'"');
        if let Some(request) = self.request {
            word(into, "request", request.write(&mut [0; RequestId::CHARACTERS]));
        }
        if let Some(connection) = self.connection {
            word(into, "door", door(connection.door));
        }
        if let Some((route, access)) = self.route {
            word(into, "route", route);
            word(into, "access", access);
        }
        if let Some(method) = self.method {
            word(into, "method", standard(method));
        }
        number(into, "status", u64::from(self.status.as_u16()));
        if let Some(refusal) = self.refusal {
            word(into, "code", refusal.name());
        }
        number(into, "duration_us", micros(self.took));
        for (name, bytes) in [("bytes_in", self.received), ("bytes_out", self.sent)] {
            if let Some(bytes) = bytes {
                number(into, name, bytes);
            }
        }
        if let Some(connection) = self.connection {
            word(into, "tls", connection.tls_version);
            word(into, "group", connection.group);
        }
        if let Some(client) = self.client {
            word(into, "client", client.as_str());
        }
        into.extend_from_slice(b"}\n");
    }
}

/// The line that stands for lines that were dropped.
pub(super) fn dropped(at: Timestamp, lines: u64) -> Vec<u8> {
    format!("{{\"time\":\"{at}\",\"dropped\":{lines}}}\n").into_bytes()
}

const fn door(door: Door) -> &'static str {
    match door {
        Door::Public => "public",
        Door::MutualTls => "mutual",
        Door::Admin => "admin",
    }
}

/// A method is a word that the client chooses (RFC 9110, section 9.1); those of the registry that are in use are told.
fn standard(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::OPTIONS => "OPTIONS",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => "other",
    }
}

fn number(into: &mut Vec<u8>, name: &str, value: u64) {
    for part in [r#",""#, name, r#"":"#] {
        into.extend_from_slice(part.as_bytes());
    }
    into.extend_from_slice(Decimal::of(value).digits());
}

/// A member whose value is text (RFC 8259, section 7).
fn word(into: &mut Vec<u8>, name: &str, text: &str) {
    for part in [r#",""#, name, r#"":""#] {
        into.extend_from_slice(part.as_bytes());
    }
    // Nearly every name is like this.
    if text.bytes().all(is_plain) {
        into.extend_from_slice(text.as_bytes());
    } else {
        text.chars().for_each(|character| escaped(into, character));
    }
    into.push(b'"');
}

const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')
}

/// Beyond JSON's own needs everything that is not printable ASCII is escaped: nothing in a log may end a line or turn its
/// direction (HDR-06).
fn escaped(into: &mut Vec<u8>, character: char) {
    let mut units = [0; 2];
    for unit in character.encode_utf16(&mut units) {
        match u8::try_from(*unit) {
            Ok(byte) if is_plain(byte) => into.push(byte),
            _ => {
                // Writing to a vector cannot fail.
                let _ = write!(into, "\\u{unit:04x}");
            }
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
