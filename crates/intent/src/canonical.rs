//! Canonical JSON (RFC 8785): one value, one sequence of bytes.

use serde_json::{Number, Value};

/// Largest integer that every reader of JSON holds exactly (RFC 7493, section 2.2).
pub const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// The canonical bytes of `value`.
///
/// # Errors
/// [`CanonicalError::Number`] for an integer beyond [`MAX_SAFE_INTEGER`]: canonical JSON would round it, so that two
/// values had one digest.
pub fn to_vec(value: &Value) -> Result<Vec<u8>, CanonicalError> {
    if !numbers_are_safe(value) {
        return Err(CanonicalError::Number);
    }
    serde_json_canonicalizer::to_vec(value).map_err(|_| CanonicalError::Encoding)
}

fn numbers_are_safe(value: &Value) -> bool {
    match value {
        Value::Number(number) => is_safe(number),
        Value::Array(items) => items.iter().all(numbers_are_safe),
        Value::Object(members) => members.values().all(numbers_are_safe),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

pub(crate) fn is_safe(number: &Number) -> bool {
    #[expect(
        clippy::cast_precision_loss,
        reason = "the bound is 2^53 - 1, which a double holds exactly"
    )]
    let bound = MAX_SAFE_INTEGER as f64;
    match (number.as_u64(), number.as_i64(), number.as_f64()) {
        (Some(unsigned), ..) => unsigned <= MAX_SAFE_INTEGER,
        (None, Some(signed), _) => signed.unsigned_abs() <= MAX_SAFE_INTEGER,
        (None, None, Some(double)) => double.is_finite() && double.abs() <= bound,
        (None, None, None) => false,
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn canonical(text: &str) -> String {
        String::from_utf8(to_vec(&serde_json::from_str(text).unwrap()).unwrap()).unwrap()
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
}
