//! Answers of a backend.

use countersign_framing::http1::{Asked, Guard, Limits, Reason};

use crate::account::{answer, judge};

fn refused(asked: Asked, stream: &str) -> Option<&'static str> {
    answer(asked, stream.as_bytes()).refused.map(Reason::name)
}

fn assert_refused(stream: &str, name: &str) {
    let outcome = answer(Asked::Other, stream.as_bytes());
    assert_eq!(outcome.refused.map(Reason::name), Some(name), "{stream:?}");
    assert_eq!(outcome.passed, 0, "{stream:?}: something of it passed");
}

/// HTTP-01, HTTP-02, HTTP-03, HTTP-05
#[test]
fn an_answer_is_framed_as_strictly_as_a_request() {
    for (lines, name) in [
        (
            "content-length: 5\r\ncontent-length: 5",
            "content-length-repeated",
        ),
        ("content-length: 5, 5", "content-length"),
        ("content-length: +5", "content-length"),
        ("content-length: 5\r\ntransfer-encoding: chunked", "two-framings"),
        ("transfer-encoding: gzip, chunked", "transfer-encoding"),
        ("transfer-encoding: identity", "transfer-encoding"),
        ("content-length : 5", "space-before-colon"),
        ("content-length: 5\r\nx: y\r\n z", "obsolete-fold"),
        ("content-length: 5\nx: y", "bare-line-feed"),
        ("content-length: 5\r\nx: y\rz", "bare-carriage-return"),
        ("content-length: 5\r\nx: \0", "field-value"),
        ("x: y", "length-missing"),
        ("connection: close", "length-missing"),
    ] {
        assert_refused(&format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\nmoney"), name);
    }
}

#[test]
fn a_status_line_is_version_three_digits_and_a_phrase() {
    for (line, name) in [
        ("HTTP/2.0 200 OK", "version"),
        ("http/1.1 200 OK", "version"),
        ("HTTP/1.1  200 OK", "status-line"),
        ("HTTP/1.1 20 OK", "status-line"),
        ("HTTP/1.1 2000 OK", "status-line"),
        ("HTTP/1.1 099 Odd", "status-line"),
        ("HTTP/1.1 600 Odd", "status-line"),
        ("HTTP/1.1 2x0 Odd", "status-line"),
        ("HTTP/1.1 200\tOK", "status-line"),
        ("HTTP/1.1 200 O\0K", "status-line"),
        ("HTTP/1.1", "status-line"),
        ("OK", "status-line"),
        ("", "empty-lines"),
        ("HTTP/1.1 200 OK\rx", "bare-carriage-return"),
    ] {
        assert_refused(&format!("{line}\r\ncontent-length: 0\r\n\r\n"), name);
    }
    assert_refused(&format!("HTTP/1.1 200 {}", "a".repeat(600)), "status-line");
    for line in [
        "HTTP/1.1 200 OK",
        "HTTP/1.1 200 ",
        "HTTP/1.1 200",
        "HTTP/1.0 404 Not Found",
    ] {
        assert_eq!(
            refused(Asked::Other, &format!("{line}\r\ncontent-length: 0\r\n\r\n")),
            None,
            "{line}"
        );
    }
}

#[test]
fn what_has_no_content_says_none() {
    for (stream, name) in [
        (
            "HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n",
            "content-unexpected",
        ),
        (
            "HTTP/1.1 204 No Content\r\ntransfer-encoding: chunked\r\n\r\n",
            "transfer-encoding-unexpected",
        ),
        (
            "HTTP/1.1 103 Early Hints\r\ncontent-length: 5\r\n\r\n",
            "content-unexpected",
        ),
        (
            "HTTP/1.1 100 Continue\r\ntransfer-encoding: chunked\r\n\r\n",
            "transfer-encoding-unexpected",
        ),
        (
            "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "transfer-encoding-unexpected",
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n",
            "protocol-switch",
        ),
    ] {
        assert_refused(stream, name);
    }
    for (asked, stream) in [
        (Asked::Other, "HTTP/1.1 204 No Content\r\n\r\n"),
        (
            Asked::Other,
            "HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n",
        ),
        (
            Asked::Other,
            "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n",
        ),
        (Asked::Head, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"),
        (
            Asked::Head,
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        ),
        (Asked::Head, "HTTP/1.1 200 OK\r\n\r\n"),
    ] {
        let outcome = answer(asked, stream.as_bytes());
        assert_eq!(outcome.refused, None, "{stream:?}");
        assert!(outcome.account.messages[0].ended, "{stream:?}");
    }
}

#[test]
fn an_answer_that_nobody_asked_for_is_refused() {
    let one = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    assert_eq!(
        judge(Guard::for_answers(Limits::default()), one.as_bytes(), []).refused,
        Some(Reason::Unasked)
    );
    let outcome = answer(Asked::Other, format!("{one}{one}").as_bytes());
    assert_eq!(
        (outcome.passed, outcome.refused),
        (one.len(), Some(Reason::Unasked))
    );
    let outcome = answer(Asked::Head, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    assert_eq!(
        outcome.refused,
        Some(Reason::Unasked),
        "content of an answer to HEAD"
    );
    let mut guard = Guard::for_answers(Limits::default());
    for _ in 0..3 {
        guard.expect_answer(Asked::Other);
        let verdict = guard.judge(one.as_bytes());
        assert_eq!((verdict.passed, verdict.refused), (one.len(), None));
    }
}

#[test]
fn interim_answers_are_few() {
    let hint = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n";
    let last = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(refused(Asked::Other, &format!("{}{last}", hint.repeat(8))), None);
    assert_eq!(
        refused(Asked::Other, &format!("{}{last}", hint.repeat(9))),
        Some("interim-answers")
    );
}

/// HTTP-06
#[test]
fn trailers_of_an_answer_are_bounded_and_cannot_frame() {
    let with = |trailers: &str| {
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n{trailers}\r\n")
    };
    assert_eq!(
        refused(Asked::Other, &with("server-timing: a\r\ndigest: b\r\n")),
        None
    );
    for name in [
        "Content-Length",
        "transfer-encoding",
        "HOST",
        "trailer",
        "set-cookie",
        "content-type",
    ] {
        assert_eq!(
            refused(Asked::Other, &with(&format!("{name}: 1\r\n"))),
            Some("trailers"),
            "{name}"
        );
    }
    for (trailers, name) in [
        ("x : y\r\n", "space-before-colon"),
        ("x: y\n", "bare-line-feed"),
        ("x: y\r\n z\r\n", "obsolete-fold"),
        ("no colon\r\n", "no-colon"),
        ("x: \0\r\n", "field-value"),
    ] {
        assert_eq!(refused(Asked::Other, &with(trailers)), Some(name), "{trailers:?}");
    }
    let long = format!("x: {}\r\n", "a".repeat(5000));
    assert_eq!(refused(Asked::Other, &with(&long)), Some("trailers-too-large"));
    assert_eq!(
        refused(Asked::Other, &with(&"x: y\r\n".repeat(101))),
        Some("trailers-too-large")
    );
}
