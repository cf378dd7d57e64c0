//! JSON Pointers (RFC 6901), with a look-up that tells an absent member from one of the wrong type.

use serde_json::Value;
use std::fmt;

/// Most steps of a pointer.
const MAX_STEPS: usize = 8;

/// Longest pointer, in bytes.
const MAX_BYTES: usize = 256;

/// A pointer to a member of a JSON document; never to the whole document.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Pointer {
    steps: Vec<String>,
}

impl Pointer {
    /// Reads `/a/b`, with `~0` for `~` and `~1` for `/`.
    ///
    /// # Errors
    /// A [`PointerError`] that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, PointerError> {
        if text.len() > MAX_BYTES {
            return Err(PointerError::TooLong);
        }
        let steps = text.strip_prefix('/').ok_or(PointerError::NoSlash)?;
        let steps: Vec<String> = steps.split('/').map(unescape).collect::<Result<_, _>>()?;
        if steps.len() > MAX_STEPS {
            Err(PointerError::TooLong)
        } else {
            Ok(Self { steps })
        }
    }

    /// What the pointer points at; `None` when it is absent.
    ///
    /// # Errors
    /// [`WrongType`] when something on the way is neither object nor list, so that the member could not even be there.
    pub fn find<'a>(&self, document: &'a Value) -> Result<Option<&'a Value>, WrongType> {
        let mut here = document;
        for step in &self.steps {
            let next = match here {
                Value::Object(members) => members.get(step),
                Value::Array(items) => index(step).and_then(|index| items.get(index)),
                _ => return Err(WrongType),
            };
            match next {
                Some(next) => here = next,
                None => return Ok(None),
            }
        }
        Ok(Some(here))
    }

    /// The string that the pointer points at; `None` when it is absent.
    ///
    /// # Errors
    /// [`WrongType`] when it points at anything but a string (`null` too: an absent member is left out).
    pub fn find_str<'a>(&self, document: &'a Value) -> Result<Option<&'a str>, WrongType> {
        self.find(document)?
            .map(|value| value.as_str().ok_or(WrongType))
            .transpose()
    }

    /// The steps, unescaped.
    #[must_use]
    pub fn steps(&self) -> &[String] {
        &self.steps
    }

    /// Whether `other` is this or lies below it.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        other.steps.starts_with(&self.steps)
    }
}

/// `~1` first would turn `~01` into `/` (RFC 6901, section 4).
fn unescape(step: &str) -> Result<String, PointerError> {
    let mut out = String::with_capacity(step.len());
    let mut characters = step.chars();
    while let Some(character) = characters.next() {
        out.push(match character {
            '~' => match characters.next() {
                Some('0') => '~',
                Some('1') => '/',
                _ => return Err(PointerError::Escape),
            },
            other => other,
        });
    }
    Ok(out)
}

/// The index of a list: digits without a leading zero (RFC 6901, section 4).
fn index(step: &str) -> Option<usize> {
    let plain = step.bytes().all(|byte| byte.is_ascii_digit()) && (step == "0" || !step.starts_with('0'));
    if plain { step.parse().ok() } else { None }
}

impl fmt::Display for Pointer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps
            .iter()
            .try_for_each(|step| write!(formatter, "/{}", step.replace('~', "~0").replace('/', "~1")))
    }
}

impl fmt::Debug for Pointer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Pointer({self})")
    }
}

/// Something else stands where the pointer leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("has the wrong JSON type")]
pub struct WrongType;

/// Why a text is no pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PointerError {
    /// It does not begin with a slash.
    #[error("a JSON Pointer begins with \"/\"")]
    NoSlash,
    /// A `~` is followed by neither `0` nor `1`.
    #[error("in a JSON Pointer \"~\" is followed by 0 or 1")]
    Escape,
    /// More than 256 bytes or 8 steps.
    #[error("the JSON Pointer is too long")]
    TooLong,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn find(pointer: &str, document: &Value) -> Result<Option<Value>, WrongType> {
        Pointer::parse(pointer)
            .unwrap()
            .find(document)
            .map(Option::<&Value>::cloned)
    }

    #[test]
    fn the_examples_of_the_standard_are_found() {
        // RFC 6901, section 5.
        let document = json!({
            "foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, "k\"l": 6, " ": 7, "m~n": 8
        });
        let found = [
            ("/foo", json!(["bar", "baz"])),
            ("/foo/0", json!("bar")),
            ("/", json!(0)),
            ("/a~1b", json!(1)),
            ("/c%d", json!(2)),
            ("/e^f", json!(3)),
            ("/g|h", json!(4)),
            ("/i\\j", json!(5)),
            ("/k\"l", json!(6)),
            ("/ ", json!(7)),
            ("/m~0n", json!(8)),
        ];
        for (pointer, value) in found {
            assert_eq!(find(pointer, &document), Ok(Some(value)), "{pointer}");
            assert_eq!(Pointer::parse(pointer).unwrap().to_string(), pointer);
        }
    }

    #[test]
    fn absent_is_not_the_same_as_wrong_type() {
        let document = json!({"a": {"b": null}, "n": 5, "list": ["x"]});
        assert_eq!(find("/a/c", &document), Ok(None));
        assert_eq!(find("/list/1", &document), Ok(None));
        assert_eq!(find("/list/00", &document), Ok(None));
        assert_eq!(find("/list/-", &document), Ok(None));
        assert_eq!(find("/n/x", &document), Err(WrongType));
        assert_eq!(
            Pointer::parse("/a/b").unwrap().find_str(&document),
            Err(WrongType)
        );
        assert_eq!(
            Pointer::parse("/list/0").unwrap().find_str(&document),
            Ok(Some("x"))
        );
    }

    #[test]
    fn what_is_no_pointer_is_refused() {
        assert_eq!(Pointer::parse(""), Err(PointerError::NoSlash));
        assert_eq!(Pointer::parse("a/b"), Err(PointerError::NoSlash));
        assert_eq!(Pointer::parse("/a~2"), Err(PointerError::Escape));
        assert_eq!(Pointer::parse("/a~"), Err(PointerError::Escape));
        assert_eq!(Pointer::parse(&"/a".repeat(9)), Err(PointerError::TooLong));
        assert_eq!(
            Pointer::parse(&format!("/{}", "a".repeat(256))),
            Err(PointerError::TooLong)
        );
    }
}
