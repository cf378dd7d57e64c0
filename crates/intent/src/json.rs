//! JSON that can be read in one way only (RFC 8259 and the stricter RFC 7493): no member twice, bounded in size and
//! depth, no number that readers would round differently.

use crate::canonical::is_safe;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::cell::Cell;
use std::fmt;

/// What is read at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest text, in bytes.
    pub max_bytes: usize,
    /// Deepest nesting: 1 allows an object of plain values. Never more than 100 is read.
    pub max_depth: usize,
    /// Which numbers may stand anywhere.
    pub numbers: Numbers,
}

/// Which numbers are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// None at all.
    Refused,
    /// Numbers that every reader holds alike: finite doubles of at most 2^53 - 1 (RFC 7493, section 2.2).
    Interoperable,
}

/// The JSON library stops by itself a little deeper.
const DEEPEST: usize = 100;

impl Default for Limits {
    /// 64 KiB, 16 levels, interoperable numbers.
    fn default() -> Self {
        Self {
            max_bytes: 64 * 1024,
            max_depth: 16,
            numbers: Numbers::Interoperable,
        }
    }
}

/// Reads one JSON value that fills `bytes`.
///
/// # Errors
/// A [`JsonError`] that says what is wrong.
pub fn parse_closed(bytes: &[u8], limits: &Limits) -> Result<Value, JsonError> {
    if bytes.len() > limits.max_bytes {
        return Err(JsonError::TooLarge);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| JsonError::NotUtf8)?;
    let fault = Cell::new(None);
    let mut reader = serde_json::Deserializer::from_str(text);
    let level = Level {
        room: limits.max_depth.min(DEEPEST),
        numbers: limits.numbers,
        fault: &fault,
    };
    let value = level
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value));
    value.map_err(|error| {
        fault.get().unwrap_or(JsonError::Syntax {
            line: error.line(),
            column: error.column(),
        })
    })
}

/// Why a text is not JSON that can be read in one way only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// More bytes than allowed.
    #[error("the JSON is too large")]
    TooLarge,
    /// Deeper than allowed.
    #[error("the JSON is nested too deeply")]
    TooDeep,
    /// Not UTF-8.
    #[error("the JSON is not UTF-8")]
    NotUtf8,
    /// One object has a member twice, however its name is escaped.
    #[error("the JSON has a member twice")]
    DuplicateMember,
    /// A number that readers would hold differently, or any at all where none may be.
    #[error("the JSON has a number that may not stand there")]
    Number,
    /// Not JSON (RFC 8259).
    #[error("not JSON at line {line}, column {column}")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// Column, from 0.
        column: usize,
    },
}

impl JsonError {
    /// The name by which vectors and logs know this error.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TooLarge => "json-too-large",
            Self::TooDeep => "json-too-deep",
            Self::NotUtf8 => "json-not-utf-8",
            Self::DuplicateMember => "json-duplicate-member",
            Self::Number => "json-number",
            Self::Syntax { .. } => "json-syntax",
        }
    }
}

/// Reads one value, with room for so many levels below it.
#[derive(Clone, Copy)]
struct Level<'a> {
    room: usize,
    numbers: Numbers,
    /// The library's errors are text; which of ours it was is left here.
    fault: &'a Cell<Option<JsonError>>,
}

impl Level<'_> {
    fn refuse<E: serde::de::Error>(&self, fault: JsonError) -> E {
        self.fault.set(Some(fault));
        E::custom("refused")
    }

    fn below<E: serde::de::Error>(self) -> Result<Self, E> {
        match self.room.checked_sub(1) {
            Some(room) => Ok(Self { room, ..self }),
            None => Err(self.refuse(JsonError::TooDeep)),
        }
    }

    fn number<E: serde::de::Error>(&self, number: Option<Number>) -> Result<Value, E> {
        match number {
            Some(number) if self.numbers == Numbers::Interoperable && is_safe(&number) => {
                Ok(Value::Number(number))
            }
            _ => Err(self.refuse(JsonError::Number)),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Level<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        self.number(Some(value.into()))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Value, E> {
        self.number(Some(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        self.number(Number::from_f64(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(below)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(self.refuse(JsonError::DuplicateMember));
            }
            let value = members.next_value_seed(below)?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(text: &str) -> Result<Value, JsonError> {
        parse_closed(text.as_bytes(), &Limits::default())
    }

    #[test]
    fn plain_json_is_read_as_it_stands() {
        let text = " {\"a\": [1, -2, 0.5, true, false, null, \"\\u00e9\\ud83d\\ude00\"], \"b\": {}}\n";
        assert_eq!(
            read(text),
            Ok(json!({"a": [1, -2, 0.5, true, false, null, "é😀"], "b": {}}))
        );
    }

    #[test]
    fn a_member_twice_is_refused_at_any_depth_and_however_it_is_escaped() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"[{"b":{"a":1,"c":2,"a":3}}]"#,
            r#"{"":1,"":2}"#,
        ] {
            assert_eq!(read(text), Err(JsonError::DuplicateMember), "{text}");
        }
    }

    #[test]
    fn numbers_that_readers_would_hold_differently_are_refused() {
        assert!(read("[9007199254740991,-9007199254740991,1.5,0,-0]").is_ok());
        for text in [
            "9007199254740992",
            "-9007199254740992",
            "18446744073709551616",
            "1e300",
            "1E16",
        ] {
            assert_eq!(read(text), Err(JsonError::Number), "{text}");
        }
        let none = Limits {
            numbers: Numbers::Refused,
            ..Limits::default()
        };
        assert_eq!(parse_closed(b"{\"a\":[1]}", &none), Err(JsonError::Number));
    }

    #[test]
    fn size_and_depth_are_bounded() {
        let limits = Limits {
            max_bytes: 12,
            max_depth: 2,
            numbers: Numbers::Interoperable,
        };
        assert!(parse_closed(b"[[1]]", &limits).is_ok());
        assert_eq!(parse_closed(b"[[[1]]]", &limits), Err(JsonError::TooDeep));
        assert_eq!(
            parse_closed(
                b"{\"a\":{\"b\":[]}}",
                &Limits {
                    max_bytes: 99,
                    ..limits
                }
            ),
            Err(JsonError::TooDeep)
        );
        assert_eq!(parse_closed(&[b' '; 13], &limits), Err(JsonError::TooLarge));
        let deep = "[".repeat(50_000);
        let boundless = Limits {
            max_bytes: usize::MAX,
            max_depth: usize::MAX,
            numbers: Numbers::Refused,
        };
        assert_eq!(parse_closed(deep.as_bytes(), &boundless), Err(JsonError::TooDeep));
    }

    #[test]
    fn what_is_not_json_is_refused() {
        let refusals = [
            "",
            "{",
            "{\"a\":1,}",
            "[1,]",
            "{'a':1}",
            "{a:1}",
            "01",
            "+1",
            ".5",
            "1.",
            "NaN",
            "Infinity",
            "1e400",
            "\"\t\"",
            "\"\\x\"",
            "\"\\ud800\"",
            "nul",
            "{}{}",
            "{} x",
            "\u{feff}{}",
            "// c\n{}",
            "\"a",
        ];
        for text in refusals {
            assert!(
                matches!(read(text), Err(JsonError::Syntax { .. })),
                "{text:?} gave {:?}",
                read(text)
            );
        }
        assert_eq!(
            parse_closed(b"\"\xff\"", &Limits::default()),
            Err(JsonError::NotUtf8)
        );
        assert_eq!(
            parse_closed(b"\"\xed\xa0\x80\"", &Limits::default()),
            Err(JsonError::NotUtf8)
        );
    }
}
