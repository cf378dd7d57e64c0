//! Bodies in the chunked coding (RFC 9112, section 7.1).

use countersign_framing::http1::Reason;

use crate::account::{assert_passed, request};

const HEAD: &str = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";

/// What is wrong with a body, and what of it is data that passed before.
fn fault(body: &str) -> (Option<&'static str>, Vec<u8>) {
    let outcome = request(format!("{HEAD}{body}").as_bytes());
    let [message] = outcome.account.messages.as_slice() else {
        panic!("{body:?}: {:?}", outcome.account);
    };
    assert!(!message.ended, "{body:?} ended");
    (outcome.refused.map(Reason::name), message.body.clone())
}

/// HTTP-06
#[test]
fn a_chunk_is_framed_exactly() {
    for (body, name) in [
        ("\r\n", "chunk-size"),
        ("g\r\n", "chunk-size"),
        (" 5\r\nmoney\r\n", "chunk-size"),
        ("5 \r\nmoney\r\n", "chunk-size"),
        ("5\t\r\nmoney\r\n", "chunk-size"),
        ("+5\r\nmoney\r\n", "chunk-size"),
        ("-5\r\nmoney\r\n", "chunk-size"),
        ("0x5\r\nmoney\r\n", "chunk-size"),
        ("5h\r\nmoney\r\n", "chunk-size"),
        ("5_\r\nmoney\r\n", "chunk-size"),
        ("000000005\r\nmoney\r\n", "chunk-size"),
        ("100000000\r\n", "chunk-size"),
        ("10000000000000005\r\nmoney\r\n", "chunk-size"),
        ("fffffffffffffffff\r\n", "chunk-size"),
        ("\n", "chunk-size"),
        (";a\r\n", "chunk-size"),
        ("5\nmoney\r\n", "bare-line-feed"),
        ("5\rmoney\r\n", "bare-carriage-return"),
        ("5\r\rmoney\r\n", "bare-carriage-return"),
        ("5;\r\nmoney\r\n", "chunk-extension"),
        ("5;a=b\r\nmoney\r\n", "chunk-extension"),
        ("5;a=\"\n\"\r\nmoney\r\n", "chunk-extension"),
        ("5;\nmoney\r\n", "chunk-extension"),
        ("0;a\r\n\r\n", "chunk-extension"),
        ("0\n\r\n", "bare-line-feed"),
        ("0\r\n\n", "bare-line-feed"),
        ("0\r\n\r\r\n", "bare-carriage-return"),
        ("00000000\r\n\rX", "bare-carriage-return"),
    ] {
        assert_eq!(fault(body), (Some(name), Vec::new()), "{body:?}");
    }
    for (body, name) in [
        ("5\r\nmoney0\r\n\r\n", "chunk-end"),
        ("5\r\nmoney\n0\r\n\r\n", "chunk-end"),
        ("5\r\nmoney\rX", "chunk-end"),
        ("5\r\nmoneymore\r\n0\r\n\r\n", "chunk-end"),
        ("5\r\nmoney \r\n0\r\n\r\n", "chunk-end"),
        ("5\r\nmoney\r\nXX", "chunk-size"),
        ("5\r\nmoney\r\n\r\n", "chunk-size"),
    ] {
        assert_eq!(fault(body), (Some(name), b"money".to_vec()), "{body:?}");
    }
}

/// HTTP-06: what a trailer says was not there when the request was judged.
#[test]
fn a_request_has_no_trailers() {
    for trailer in [
        "x: y",
        "content-length: 5",
        "host: b",
        "authorization: DPoP a",
        " x: y",
        "GET / HTTP/1.1",
    ] {
        let body = format!("0\r\n{trailer}\r\n\r\n");
        assert_eq!(fault(&body), (Some("trailers"), Vec::new()), "{trailer}");
    }
}

#[test]
fn chunks_are_put_together_and_the_next_request_begins_behind_them() {
    let body = "5\r\nmoney\r\nA\r\n0\r\n\r\n12345\r\n00000001\r\n!\r\n000\r\n\r\n";
    let stream = format!("{HEAD}{body}{HEAD}0\r\n\r\n");
    assert_passed(stream.as_bytes(), 2);
    let outcome = request(stream.as_bytes());
    assert_eq!(outcome.account.messages[0].body, b"money0\r\n\r\n12345!");
    assert_eq!(outcome.account.messages[1].body, b"");
}

/// A body may be of any length; the guard counts and does not look.
#[test]
fn a_large_chunk_passes_as_it_comes() {
    let mut stream = format!("{HEAD}FFFFFFFF\r\n").into_bytes();
    stream.extend(vec![b'\n'; 100_000]);
    let outcome = request(&stream);
    assert_eq!((outcome.passed, outcome.refused), (stream.len(), None));
    assert_eq!(outcome.account.messages[0].body.len(), 100_000);
}

#[test]
fn a_body_in_crumbs_is_refused_and_one_of_many_chunks_is_not() {
    let crumbs = |count: usize| format!("{HEAD}{}0\r\n\r\n", "1\r\nx\r\n".repeat(count));
    assert_passed(crumbs(1024).as_bytes(), 1);
    let outcome = request(crumbs(1025).as_bytes());
    assert_eq!(outcome.refused.map(Reason::name), Some("tiny-chunks"));
    assert_eq!(outcome.account.messages[0].body.len(), 1024);
    let chunk = format!("40\r\n{}\r\n", "x".repeat(64));
    assert_passed(format!("{HEAD}{}0\r\n\r\n", chunk.repeat(5000)).as_bytes(), 1);
}
