//! What the framing guard passes, hyper frames the same way: requests by its server, answers by its client.
//!
//! Every target runs for a second or two as an ordinary test; `BOLERO_RANDOM_TEST_TIME_MS` gives it longer.

#![cfg(test)]

mod account;
mod parser;
mod streams;

use std::time::Duration;

use account::Account;
use countersign_framing::http1::{Asked, Guard, Limits};

const TIME: Duration = Duration::from_millis(1500);
/// Of bytes that are a stream themselves.
const STREAM_BYTES: usize = 1024;
/// Of bytes that tell one.
const INPUT_BYTES: usize = 96;

/// Requests: as many as the guard counts, each with the same method, target, fields and body.
fn assert_requests_agree(stream: &[u8]) {
    let limits = Limits::default();
    let account = Account::of(Guard::for_requests(limits), stream);
    account.assert_same_in_pieces(Guard::for_requests(limits), stream);
    let passed = &stream[..account.passed];
    assert_eq!(
        parser::requests(passed),
        account.requests(),
        "{:?}",
        String::from_utf8_lossy(passed)
    );
}

/// Answers: the final one has the same status, fields and body, or neither has one.
fn assert_answers_agree(asked: Asked, stream: &[u8]) {
    let mut guard = Guard::for_answers(Limits::default());
    guard.expect_answer(asked);
    let account = Account::of(guard.clone(), stream);
    account.assert_same_in_pieces(guard, stream);
    let passed = &stream[..account.passed];
    let text = String::from_utf8_lossy(passed);
    assert_eq!(
        parser::answer(asked, passed),
        account.answer(),
        "{asked:?} {text:?}"
    );
}

#[test]
fn requests_that_pass_are_framed_by_hyper_in_the_same_way() {
    bolero::check!()
        .with_test_time(TIME)
        .with_max_len(INPUT_BYTES)
        .for_each(|input: &[u8]| assert_requests_agree(&streams::requests(input)));
}

#[test]
fn answers_that_pass_are_framed_by_hyper_in_the_same_way() {
    bolero::check!()
        .with_test_time(TIME)
        .with_max_len(INPUT_BYTES)
        .for_each(|input: &[u8]| {
            let (asked, stream) = streams::answers(input);
            assert_answers_agree(asked, &stream);
        });
}

#[test]
fn any_bytes_that_pass_are_framed_by_hyper_in_the_same_way() {
    bolero::check!()
        .with_test_time(TIME)
        .with_max_len(STREAM_BYTES)
        .for_each(|input: &[u8]| {
            assert_requests_agree(input);
            assert_answers_agree(Asked::Other, input);
            assert_answers_agree(Asked::Head, input);
        });
}
