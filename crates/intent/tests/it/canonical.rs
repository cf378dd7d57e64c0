//! Canonical JSON is written here by hand; another implementation of RFC 8785 has to find the same bytes.

use countersign_intent::canonical::{CanonicalError, MAX_SAFE_INTEGER, to_vec};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Map, Value};

const BOUND: i64 = MAX_SAFE_INTEGER as i64;

fn plain() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-BOUND..=BOUND).prop_map(Value::from),
        (-BOUND as f64..=BOUND as f64).prop_map(Value::from),
        (-1.0e-3..1.0e-3).prop_map(Value::from),
        string().prop_map(Value::from),
    ]
}

/// What is escaped, what sorts differently in UTF-8 and UTF-16, and anything.
fn string() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-d]{0,2}",
        "[\\x00-\\x1f\"\\\\/\u{7f}a]{0,4}",
        "[\u{e000}-\u{ffff}\u{10000}-\u{10010}a]{0,3}",
        any::<String>(),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    plain().prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::Array),
            btree_map(string(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_value_has_the_bytes_that_another_implementation_writes(value in value()) {
        prop_assert_eq!(to_vec(&value).unwrap(), serde_json_canonicalizer::to_vec(&value).unwrap());
    }

    #[test]
    fn a_number_that_would_be_rounded_is_refused_wherever_it_stands(value in value(), beyond in BOUND + 1..=i64::MAX) {
        let beside = serde_json::json!({"a": value, "b": [{"c": beyond}]});
        prop_assert_eq!(to_vec(&beside), Err(CanonicalError::Number));
    }
}
