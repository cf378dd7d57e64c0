//! The text of canonical JSON while it is written: plain values in their one spelling, and the members of the objects
//! that are open, so that each object can be put in order when it ends.

use super::{CanonicalError, MAX_SAFE_INTEGER};
use serde::Deserialize;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::io::Write as _;
use std::ops::Range;

/// Room for what is usually written: an event or a part of a receipt, without growing on the way.
const USUAL_BYTES: usize = 512;

/// What is written, and the members of every object that has not ended.
pub(super) struct Text {
    bytes: Vec<u8>,
    members: Vec<Member>,
    /// Names of members that are not known to the program.
    names: String,
}

/// A string of JSON, copied only where it has escapes.
#[derive(Deserialize)]
struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);

/// A member of an object that has not ended; its text reaches to the comma before the next.
struct Member {
    name: Name,
    begins: usize,
}

enum Name {
    Known(&'static str),
    Kept(Range<usize>),
}

/// Where an object began that has not ended.
pub(super) struct Open {
    content: usize,
    members: usize,
    names: usize,
    /// Whether every member so far stands behind the one before it.
    in_order: bool,
}

impl Text {
    pub(super) fn new() -> Self {
        Self {
            bytes: Vec::with_capacity(USUAL_BYTES),
            members: Vec::new(),
            names: String::new(),
        }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Punctuation and the three literals.
    pub(super) fn push(&mut self, plain: &'static str) {
        self.bytes.extend_from_slice(plain.as_bytes());
    }

    /// A string (RFC 8785, section 3.2.2.2): nothing is escaped that need not be.
    pub(super) fn string(&mut self, string: &str) {
        self.bytes.push(b'"');
        let mut rest = string.as_bytes();
        while let Some(place) = rest.iter().position(|byte| is_escaped(*byte)) {
            let (plain, escaped) = rest.split_at(place);
            self.bytes.extend_from_slice(plain);
            let Some((byte, behind)) = escaped.split_first() else {
                break;
            };
            self.escape(*byte);
            rest = behind;
        }
        self.bytes.extend_from_slice(rest);
        self.bytes.push(b'"');
    }

    fn escape(&mut self, byte: u8) {
        let short = match byte {
            b'"' | b'\\' => byte,
            0x08 => b'b',
            0x09 => b't',
            0x0a => b'n',
            0x0c => b'f',
            0x0d => b'r',
            // Writing to memory cannot fail.
            _ => return write!(self.bytes, "\\u{byte:04x}").unwrap_or(()),
        };
        self.bytes.extend_from_slice(&[b'\\', short]);
    }

    pub(super) fn unsigned(&mut self, number: u64) -> Result<(), CanonicalError> {
        if number > MAX_SAFE_INTEGER {
            return Err(CanonicalError::Number);
        }
        write!(self.bytes, "{number}").map_err(|_| CanonicalError::Encoding)
    }

    pub(super) fn signed(&mut self, number: i64) -> Result<(), CanonicalError> {
        if number.unsigned_abs() > MAX_SAFE_INTEGER {
            return Err(CanonicalError::Number);
        }
        write!(self.bytes, "{number}").map_err(|_| CanonicalError::Encoding)
    }

    /// A double as ECMAScript writes it (RFC 8785, section 3.2.2.3).
    pub(super) fn double(&mut self, number: f64) -> Result<(), CanonicalError> {
        if !super::is_safe_double(number) {
            return Err(CanonicalError::Number);
        }
        serde_json_canonicalizer::to_writer(&number, &mut self.bytes).map_err(|_| CanonicalError::Encoding)
    }

    /// Begins an object.
    pub(super) fn open(&mut self) -> Open {
        self.bytes.push(b'{');
        Open {
            content: self.bytes.len(),
            members: self.members.len(),
            names: self.names.len(),
            in_order: true,
        }
    }

    /// Begins a member whose name the program knows.
    pub(super) fn known_member(&mut self, open: &mut Open, name: &'static str) {
        let begins = self.begin_name(open);
        self.string(name);
        self.member(open, begins, Name::Known(name));
    }

    /// The place where the name of the next member is to be written.
    pub(super) fn begin_name(&mut self, open: &Open) -> usize {
        if self.members.len() > open.members {
            self.bytes.push(b',');
        }
        self.bytes.len()
    }

    /// Takes what was written since [`Text::begin_name`] for the name of a member.
    ///
    /// # Errors
    /// [`CanonicalError::Encoding`] when it is no string.
    pub(super) fn end_name(&mut self, open: &mut Open, begins: usize) -> Result<(), CanonicalError> {
        let from = self.names.len();
        let written = self.bytes.get(begins..).unwrap_or_default();
        let Borrowed(name) = serde_json::from_slice(written).map_err(|_| CanonicalError::Encoding)?;
        self.names.push_str(&name);
        self.member(open, begins, Name::Kept(from..self.names.len()));
        Ok(())
    }

    /// Notes a member whose name was written.
    fn member(&mut self, open: &mut Open, begins: usize, name: Name) {
        let last = self.members.get(open.members..).and_then(<[Member]>::last);
        if let Some(last) = last {
            open.in_order &= order(self.name(&last.name), self.name(&name)) == Ordering::Less;
        }
        self.members.push(Member { name, begins });
        self.bytes.push(b':');
    }

    /// Ends an object: its members stand in order then.
    ///
    /// # Errors
    /// [`CanonicalError::Encoding`] when two of them have one name.
    pub(super) fn close(&mut self, open: &Open) -> Result<(), CanonicalError> {
        if !open.in_order {
            self.put_in_order(open)?;
        }
        self.members.truncate(open.members);
        self.names.truncate(open.names);
        self.bytes.push(b'}');
        Ok(())
    }

    /// Members are sorted by the UTF-16 code units of their names (RFC 8785, section 3.2.3).
    fn put_in_order(&mut self, open: &Open) -> Result<(), CanonicalError> {
        let members = self.members.get(open.members..).unwrap_or_default();
        let ends = members.iter().skip(1).map(|next| next.begins - 1);
        let mut sorted: Vec<(&str, Range<usize>)> = members
            .iter()
            .zip(ends.chain([self.bytes.len()]))
            .map(|(member, end)| (self.name(&member.name), member.begins..end))
            .collect();
        sorted.sort_unstable_by(|(one, _), (other, _)| order(one, other));
        let mut content = Vec::with_capacity(self.bytes.len() - open.content);
        let mut before = None;
        for (name, place) in sorted {
            match before {
                Some(same) if same == name => return Err(CanonicalError::Encoding),
                Some(_) => content.push(b','),
                None => {}
            }
            content.extend_from_slice(self.bytes.get(place).unwrap_or_default());
            before = Some(name);
        }
        self.bytes.truncate(open.content);
        self.bytes.append(&mut content);
        Ok(())
    }

    fn name<'a>(&'a self, name: &'a Name) -> &'a str {
        match name {
            Name::Known(name) => name,
            Name::Kept(place) => self.names.get(place.clone()).unwrap_or_default(),
        }
    }
}

const fn is_escaped(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// Bytes of UTF-8 sort as code points do, and of ASCII as UTF-16 does.
fn order(one: &str, other: &str) -> Ordering {
    if one.is_ascii() && other.is_ascii() {
        one.cmp(other)
    } else {
        one.encode_utf16().cmp(other.encode_utf16())
    }
}
