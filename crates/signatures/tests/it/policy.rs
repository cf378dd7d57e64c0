//! The verifier's own rules (SIG-07, SIG-10): a signature that verifies but does not meet them is refused.

use countersign_signatures::{Component, Entry, InputError, ParameterName, Policy, PolicyError, Signatures};

use crate::support::signature_fields;

const NOW: i64 = 1_700_000_000;

fn policy() -> Policy<'static> {
    Policy {
        components: &[],
        parameters: &[],
        now: NOW,
        max_age: 60,
        max_ahead: 10,
        max_lifetime: 60,
        nonce_min_len: 22,
    }
}

/// Parses `input` as the only entry and hands it to `look`.
fn with_entry<T>(input: &str, look: impl FnOnce(&Entry<'_>) -> T) -> T {
    let fields = signature_fields(&format!("a={input}"), "a=:AA==:");
    look(Signatures::parse(&fields).unwrap().by_label("a").unwrap())
}

fn check(input: &str, policy: &Policy<'_>) -> Result<(), PolicyError> {
    with_entry(input, |entry| entry.check(policy))
}

/// SIG-10: both ends of every window.
#[test]
fn times_are_judged_to_the_second() {
    for (created, expires, expected) in [
        (0, Some(60), Ok(())),
        (-60, Some(0), Err(PolicyError::Expired)),
        (-59, Some(1), Ok(())),
        (-60, None, Ok(())),
        (-61, None, Err(PolicyError::TooOld)),
        (10, None, Ok(())),
        (11, None, Err(PolicyError::Ahead)),
        (0, Some(61), Err(PolicyError::LifetimeTooLong)),
        (10, Some(70), Ok(())),
        (5, Some(4), Err(PolicyError::ExpiresBeforeCreated)),
        (-10, Some(-11), Err(PolicyError::ExpiresBeforeCreated)),
        (-10, Some(-5), Err(PolicyError::Expired)),
    ] {
        let mut input = format!("();created={}", NOW + created);
        if let Some(expires) = expires {
            input.push_str(&format!(";expires={}", NOW + expires));
        }
        assert_eq!(check(&input, &policy()), expected, "{created} {expires:?}");
    }
}

#[test]
fn expires_without_created_has_no_bounded_lifetime() {
    assert_eq!(
        check(&format!("();expires={}", NOW + 1), &policy()),
        Err(PolicyError::LifetimeTooLong)
    );
    assert_eq!(
        check(&format!("();expires={}", NOW - 1), &policy()),
        Err(PolicyError::Expired)
    );
}

#[test]
fn extreme_times_do_not_overflow() {
    assert_eq!(
        check("();created=-999999999999999", &policy()),
        Err(PolicyError::TooOld)
    );
    assert_eq!(
        check("();created=999999999999999", &policy()),
        Err(PolicyError::Ahead)
    );
    let unbounded = Policy {
        now: i64::MAX,
        max_age: i64::MAX,
        max_ahead: i64::MAX,
        max_lifetime: i64::MAX,
        ..policy()
    };
    assert_eq!(check("();created=5", &unbounded), Ok(()));
    let earliest = Policy {
        now: i64::MIN,
        ..unbounded
    };
    assert_eq!(
        check("();created=5;expires=999999999999999", &earliest),
        Err(PolicyError::Ahead)
    );
}

#[test]
fn missing_parameters_are_named() {
    for name in [
        ParameterName::Created,
        ParameterName::Expires,
        ParameterName::Nonce,
        ParameterName::KeyId,
        ParameterName::Alg,
        ParameterName::Tag,
    ] {
        let required = [name];
        let policy = Policy {
            parameters: &required,
            ..policy()
        };
        assert_eq!(check("()", &policy), Err(PolicyError::ParameterMissing(name)));
    }
}

#[test]
fn a_short_nonce_is_refused_and_a_missing_one_only_when_required() {
    let nonce = |length: usize| format!("();nonce=\"{}\"", "n".repeat(length));
    assert_eq!(check(&nonce(21), &policy()), Err(PolicyError::NonceShort));
    assert_eq!(check(&nonce(22), &policy()), Ok(()));
    assert_eq!(check("()", &policy()), Ok(()));
}

/// SIG-07: a component counts only exactly as it is required.
#[test]
fn a_component_with_other_parameters_does_not_count() {
    let components = [Component::field("content-digest")];
    let strict = Policy {
        components: &components,
        ..policy()
    };
    let refused = Err(PolicyError::NotCovered("\"content-digest\"".to_owned()));
    assert_eq!(check("(\"content-digest\")", &strict), Ok(()));
    for input in [
        "()",
        "(\"content-digest\";bs)",
        "(\"content-digest\";tr)",
        "(\"content-digest\";key=\"sha-256\")",
    ] {
        assert_eq!(check(input, &strict), refused, "{input}");
    }
    let components = [Component::field("signature").req().key("sig1")];
    let bound = Policy {
        components: &components,
        ..policy()
    };
    assert_eq!(check("(\"signature\";key=\"sig1\";req)", &bound), Ok(()));
    assert!(check("(\"signature\";key=\"sig2\";req)", &bound).is_err());
    with_entry("(\"content-digest\";bs \"date\")", |entry| {
        assert!(entry.covers("date") && !entry.covers("content-digest"));
    });
}

#[test]
fn only_times_out_of_their_windows_are_stale() {
    for error in [
        PolicyError::TooOld,
        PolicyError::Ahead,
        PolicyError::Expired,
        PolicyError::ExpiresBeforeCreated,
        PolicyError::LifetimeTooLong,
    ] {
        assert!(error.is_stale(), "{error}");
    }
    for error in [
        PolicyError::NonceShort,
        PolicyError::ParameterMissing(ParameterName::Created),
        PolicyError::NotCovered(String::new()),
        PolicyError::Input(InputError::CreatedNotInteger),
    ] {
        assert!(!error.is_stale(), "{error}");
    }
    assert_eq!(
        check("();created=\"1\"", &policy()),
        Err(PolicyError::Input(InputError::CreatedNotInteger))
    );
}
