//! Canonical JSON (RFC 8785): one value, one sequence of bytes.

mod text;
mod writer;

use serde::Serialize;
use serde_json::Number;
use std::fmt;
use text::Text;
use writer::Writer;

/// Largest integer that every reader of JSON holds exactly (RFC 7493, section 2.2).
pub const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// The canonical bytes of `value`. What is made member by member in canonical order costs the least.
///
/// # Errors
/// [`CanonicalError::Number`] for a number beyond [`MAX_SAFE_INTEGER`]: canonical JSON would round it, so that two
/// values had one digest. [`CanonicalError::Encoding`] for what is no JSON, as a member that stands twice.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    let mut text = Text::new();
    value.serialize(Writer(&mut text))?;
    Ok(text.into_bytes())
}

pub(crate) fn is_safe(number: &Number) -> bool {
    match (number.as_u64(), number.as_i64(), number.as_f64()) {
        (Some(unsigned), ..) => unsigned <= MAX_SAFE_INTEGER,
        (None, Some(signed), _) => signed.unsigned_abs() <= MAX_SAFE_INTEGER,
        (None, None, Some(double)) => is_safe_double(double),
        (None, None, None) => false,
    }
}

fn is_safe_double(double: f64) -> bool {
    #[expect(
        clippy::cast_precision_loss,
        reason = "the bound is 2^53 - 1, which a double holds exactly"
    )]
    let bound = MAX_SAFE_INTEGER as f64;
    double.is_finite() && double.abs() <= bound
}

/// Why a value has no canonical bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalError {
    /// A number that not every reader holds exactly.
    #[error("a number is too large for canonical JSON")]
    Number,
    /// The encoder refused the value.
    #[error("the value cannot be written as canonical JSON")]
    Encoding,
}

/// A value that cannot be serialised has no canonical bytes; its own words may be personal, and are not kept.
impl serde::ser::Error for CanonicalError {
    fn custom<T: fmt::Display>(_message: T) -> Self {
        Self::Encoding
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    fn canonical(text: &str) -> String {
        String::from_utf8(to_vec(&serde_json::from_str::<Value>(text).unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn members_are_sorted_by_utf_16_code_units() {
        // RFC 8785, section 3.2.3.
        let text = r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh",
            "1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#;
        let values: Vec<_> = [
            "Carriage Return",
            "One",
            "Control",
            "Latin Small",
            "Euro",
            "Emoji",
            "Hebrew",
        ]
        .map(|value| canonical(text).find(value).unwrap())
        .to_vec();
        assert!(values.is_sorted(), "{values:?}");
    }

    #[test]
    fn the_example_of_the_standard_comes_out_to_the_byte() {
        // RFC 8785, sections 3.2.2 to 3.2.4.
        let text = r#"{"numbers":[333333333.33333329,4.50,2e-3,0.000000000000000000000000001],
            "string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"#;
        let expected = "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,4.5,0.002,1e-27],\
            \"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}";
        assert_eq!(canonical(text), expected);
    }

    #[test]
    fn integers_that_would_be_rounded_are_refused() {
        assert!(to_vec(&json!({"n": MAX_SAFE_INTEGER})).is_ok());
        for number in [
            json!(MAX_SAFE_INTEGER + 1),
            json!(u64::MAX),
            json!(i64::MIN),
            json!(1e300),
        ] {
            assert_eq!(to_vec(&json!({"deep": [number]})), Err(CanonicalError::Number));
        }
    }

    /// Every shape that serialisers know, members not in order.
    #[derive(Serialize)]
    struct Shapes {
        z: Option<u8>,
        e: Vec<Kind>,
        b: (i8, char, f32),
        #[serde(flatten)]
        more: BTreeMap<String, f64>,
        a: Unit,
    }

    #[derive(Serialize)]
    struct Unit;

    #[derive(Serialize)]
    #[serde(rename_all = "kebab-case")]
    enum Kind {
        Plain,
        Wrapped(bool),
        Pair(u64, i64),
        Named { y: (), x: &'static str },
    }

    #[test]
    fn whatever_can_be_serialised_has_the_bytes_of_its_value() {
        let more = BTreeMap::from([("é\"".to_owned(), 1e21 / 1e7), ("\n".to_owned(), -0.0)]);
        let kinds = vec![
            Kind::Plain,
            Kind::Wrapped(true),
            Kind::Pair(7, -7),
            Kind::Named {
                y: (),
                x: "\u{7f}\u{1f}\u{8}/",
            },
        ];
        let shapes = Shapes {
            z: None,
            e: kinds,
            b: (-3, 'ß', 0.5),
            more,
            a: Unit,
        };
        let value = serde_json::to_value(&shapes).unwrap();
        let expected = serde_json_canonicalizer::to_vec(&value).unwrap();
        assert_eq!(to_vec(&shapes).unwrap(), expected);
        assert_eq!(to_vec(&value).unwrap(), expected);
    }

    /// An object that says what it is told to.
    struct Told(Vec<(Value, u8)>);

    impl Serialize for Told {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
        }
    }

    #[test]
    fn a_member_twice_and_a_name_that_is_no_text_have_no_canonical_bytes() {
        let told = |names: &[Value]| to_vec(&Told(names.iter().map(|name| (name.clone(), 1)).collect()));
        assert_eq!(told(&["b".into(), "a".into()]).unwrap(), br#"{"a":1,"b":1}"#);
        assert_eq!(
            told(&["b".into(), "a".into(), "b".into()]),
            Err(CanonicalError::Encoding)
        );
        assert_eq!(told(&["a".into(), "a".into()]), Err(CanonicalError::Encoding));
        assert_eq!(told(&[7.into()]), Err(CanonicalError::Encoding));
        assert_eq!(told(&[Value::Null]), Err(CanonicalError::Encoding));
    }
}
