//! Nothing is left out: every code that a client can read is provoked by a test that is named here, or stands on the list
//! of those that come later; and every route that is configured asks for credentials, unless it says that it is public.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use countersign::base::Code;
use countersign::config::{self, Access};
use http::Method;

use crate::support::{Draft, TestGateway};

/// Code, file, test: the test provokes the code.
const PROVOKED: [(&str, &str, &str); 39] = [
    (
        "request-malformed",
        "tests/it/journey/admit.rs",
        "a_header_that_may_stand_once_stands_once",
    ),
    (
        "misdirected",
        "tests/it/journey/admit.rs",
        "another_host_is_misdirected",
    ),
    (
        "uri-too-long",
        "tests/it/journey/admit.rs",
        "a_target_or_a_header_section_over_the_limits_is_refused",
    ),
    (
        "headers-too-large",
        "tests/it/journey/admit.rs",
        "a_target_or_a_header_section_over_the_limits_is_refused",
    ),
    (
        "route-unknown",
        "tests/it/journey/admit.rs",
        "a_path_that_no_route_takes_is_unknown",
    ),
    (
        "method-not-allowed",
        "tests/it/journey/admit.rs",
        "another_method_is_told_which_ones_there_are",
    ),
    (
        "body-too-large",
        "tests/it/journey/admit.rs",
        "a_body_over_the_routes_limit_is_too_large",
    ),
    (
        "banned",
        "tests/it/attacks/rates.rs",
        "a_flood_is_limited_and_then_banned_and_nobody_else_feels_it",
    ),
    (
        "rate-limited",
        "tests/it/attacks/rates.rs",
        "who_waits_as_long_as_told_is_served",
    ),
    (
        "overloaded",
        "tests/it/attacks/overload.rs",
        "under_load_strangers_are_shed_first_and_payments_last",
    ),
    (
        "content-encoding-refused",
        "tests/it/journey/attest_digest.rs",
        "an_encoded_body_is_not_signed",
    ),
    (
        "token-missing",
        "tests/it/journey/identify_token.rs",
        "nothing_but_public_routes_answers_without_a_token",
    ),
    (
        "token-invalid",
        "tests/it/journey/identify_token.rs",
        "a_forged_token_is_invalid",
    ),
    (
        "proof-missing",
        "tests/it/journey/identify_proof.rs",
        "a_bound_token_without_its_proof_is_worth_nothing",
    ),
    (
        "proof-invalid",
        "tests/it/journey/identify_proof.rs",
        "a_proof_for_something_else_is_invalid",
    ),
    (
        "nonce-required",
        "tests/it/journey/identify_proof.rs",
        "where_nonces_are_asked_for_a_proof_needs_one_of_ours",
    ),
    (
        "scope-insufficient",
        "tests/it/journey/identify_token.rs",
        "a_scope_that_was_not_granted_is_named",
    ),
    (
        "login-required",
        "tests/it/journey/identify_token.rs",
        "a_route_that_asks_for_a_stronger_login_says_which",
    ),
    (
        "signature-missing",
        "tests/it/journey/attest_signature.rs",
        "another_tag_is_no_request_signature",
    ),
    (
        "signature-invalid",
        "tests/it/journey/attest_signature.rs",
        "a_change_after_signing_is_found",
    ),
    (
        "digest-missing",
        "tests/it/journey/attest_digest.rs",
        "a_body_without_a_digest_that_counts_is_refused",
    ),
    (
        "digest-mismatch",
        "tests/it/journey/attest_digest.rs",
        "a_digest_of_another_body_is_refused",
    ),
    (
        "stale",
        "tests/it/journey/attest_fresh.rs",
        "a_signature_outside_its_time_is_stale",
    ),
    (
        "replayed",
        "tests/it/journey/attest_fresh.rs",
        "a_signed_request_is_good_once",
    ),
    (
        "idempotency-key-missing",
        "tests/it/journey/attest_digest.rs",
        "a_payment_without_a_key_is_refused",
    ),
    (
        "idempotency-key-invalid",
        "tests/it/journey/attest_digest.rs",
        "a_key_of_another_form_is_refused",
    ),
    (
        "idempotency-key-reused",
        "tests/it/journey/once.rs",
        "a_key_is_for_one_payment",
    ),
    (
        "in-progress",
        "tests/it/journey/once.rs",
        "a_payment_that_is_under_way_is_not_sent_again",
    ),
    (
        "outcome-unknown",
        "tests/it/journey/once.rs",
        "a_payment_cut_off_in_the_middle_is_unknown_and_never_sent_again",
    ),
    (
        "not-executed",
        "tests/it/journey/once.rs",
        "a_payment_settled_as_not_executed_stays_so",
    ),
    (
        "certificate-refused",
        "tests/it/transport/followed_files.rs",
        "authorities_change_without_a_restart",
    ),
    (
        "transaction-invalid",
        "tests/it/journey/permit_transaction.rs",
        "a_body_that_does_not_state_one_payment_is_refused",
    ),
    (
        "approval-required",
        "tests/it/journey/permit_policies.rs",
        "a_payment_over_the_limit_asks_for_approval",
    ),
    (
        "policy-denied",
        "tests/it/journey/permit_policies.rs",
        "a_policy_that_cannot_be_evaluated_denies",
    ),
    (
        "store-unavailable",
        "tests/it/journey/identify_token.rs",
        "without_news_of_revocations_nothing_passes",
    ),
    (
        "upstream-unavailable",
        "tests/it/journey/forward.rs",
        "a_backend_that_is_down_is_unavailable_until_it_is_back",
    ),
    (
        "upstream-timeout",
        "tests/it/journey/forward.rs",
        "a_backend_that_is_slow_times_out",
    ),
    (
        "answer-invalid",
        "tests/it/journey/forward.rs",
        "an_answer_that_is_cut_off_or_is_no_answer_is_not_passed_on",
    ),
    (
        "answer-too-large",
        "tests/it/journey/forward.rs",
        "an_answer_over_the_routes_limit_is_too_large",
    ),
];

/// Codes of the table that no stage of today gives on a route, and what they wait for.
const LATER: [(&str, &str); 6] = [
    ("approval-pending", "approvals come with transactions"),
    ("approval-failed", "approvals come with transactions"),
    ("approval-denied", "approvals come with transactions"),
    ("approval-expired", "approvals come with transactions"),
    ("conflict", "given on the admin listener, see src/admin/tests.rs"),
    (
        "configuration-invalid",
        "given on the admin listener, see src/admin/tests.rs",
    ),
];

#[test]
fn every_code_is_provoked_or_comes_later() {
    let listed: Vec<&str> = PROVOKED
        .iter()
        .map(|(code, ..)| *code)
        .chain(LATER.iter().map(|(code, _)| *code))
        .collect();
    let known: HashSet<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    assert_eq!(listed.len(), known.len(), "a code is missing or stands twice");
    assert_eq!(listed.into_iter().collect::<HashSet<_>>(), known);
}

#[test]
fn every_test_that_is_named_provokes_its_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (code, file, test) in PROVOKED {
        let text = fs::read_to_string(root.join(file)).unwrap();
        let (_, from) = text
            .split_once(&format!("#[tokio::test]\nasync fn {test}() {{"))
            .unwrap_or_else(|| {
                panic!("{file} has no test {test}");
            });
        let body = from.split("\n}\n").next().unwrap();
        // Some ask through a function of their file.
        let mentions = body.contains(&format!("\"{code}\""));
        assert!(mentions, "{test} does not ask for {code}");
    }
}

/// Every configured route, by every method it takes: nothing without a token unless it is public.
#[tokio::test]
async fn every_route_asks_for_credentials_unless_it_is_public() {
    let gateway = TestGateway::start().await;
    let config = config::load(&gateway.home.path("countersign.toml")).unwrap();
    let mut public = 0;
    for route in config.routes.iter() {
        let target = route
            .path
            .to_string()
            .replace("{id}", "7")
            .replace("{rest...}", "eur");
        for method in route.methods.named() {
            let draft = Draft::new(&gateway, name(method), &target);
            if route.access == Access::Public {
                draft.expect_answer().await;
                public += 1;
            } else {
                draft.expect_refusal("token-missing").await;
            }
        }
    }
    assert_eq!((public, gateway.backend.count()), (3, 3));
}

fn name(method: &Method) -> &'static str {
    ["GET", "HEAD", "POST"]
        .into_iter()
        .find(|name| method.as_str() == *name)
        .unwrap()
}
