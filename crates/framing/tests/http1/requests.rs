//! Heads of requests.

use crate::account::{assert_passed, assert_refused, request};

fn with_line(line: &str) -> String {
    format!("{line}\r\nhost: pay.example\r\n\r\n")
}

fn with_field(field: &str) -> String {
    format!("POST / HTTP/1.1\r\nhost: pay.example\r\n{field}\r\n\r\n")
}

/// HTTP-01
#[test]
fn two_framings_are_refused_in_either_order() {
    for fields in [
        "content-length: 5\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 5",
        "transfer-encoding: chunked\r\ncontent-length: 0",
        "Content-Length: 5\r\nx: y\r\nTRANSFER-ENCODING: Chunked",
    ] {
        assert_refused(with_field(fields).as_bytes(), "two-framings");
    }
}

/// HTTP-02
#[test]
fn a_content_length_is_one_plain_number() {
    for value in [
        "",
        " ",
        "5, 5",
        "5,5",
        "5 5",
        "+5",
        "-5",
        "-0",
        "0x5",
        "5.0",
        "5e0",
        "05",
        "00",
        "5;",
        "5\t5",
        "\u{665}",
        "five",
        "'5'",
        "1000000000000000000",
        "18446744073709551616",
        "18446744073709551621",
        "9223372036854775808",
        "5\u{a0}",
    ] {
        assert_refused(
            with_field(&format!("content-length: {value}")).as_bytes(),
            "content-length",
        );
    }
    for fields in [
        "content-length: 5\r\ncontent-length: 5",
        "content-length: 5\r\ncontent-length: 6",
        "content-length: 0\r\nContent-Length: 5",
    ] {
        assert_refused(with_field(fields).as_bytes(), "content-length-repeated");
    }
    for value in ["0", "5", " 5", "\t5 \t"] {
        let body = if value == "0" { "" } else { "money" };
        assert_passed(
            format!("{}{body}", with_field(&format!("content-length:{value}"))).as_bytes(),
            1,
        );
    }
}

/// HTTP-03
#[test]
fn a_transfer_encoding_is_chunked_and_nothing_else() {
    for value in [
        "",
        "identity",
        "gzip",
        "gzip, chunked",
        "chunked, gzip",
        "chunked, chunked",
        "chunked,",
        ",chunked",
        "xchunked",
        "chunkedx",
        "chunked;q=1",
        "\"chunked\"",
        "chun ked",
        "chunked\t,identity",
        "cow",
        "chunked identity",
        "x\tchunked",
        "deflate,chunked",
        "chunked\u{a0}",
        "\u{feff}chunked",
    ] {
        let text = with_field(&format!("transfer-encoding: {value}"));
        assert_refused(text.as_bytes(), "transfer-encoding");
    }
    for value in [
        "chunked\x0b",
        "\x0bchunked",
        "chunked\x0c",
        "chunked\0",
        "\x08chunked",
    ] {
        assert_refused(
            with_field(&format!("transfer-encoding: {value}")).as_bytes(),
            "field-value",
        );
    }
    assert_refused(
        with_field("transfer-encoding: chunked\r\ntransfer-encoding: chunked").as_bytes(),
        "transfer-encoding-repeated",
    );
    assert_refused(
        with_field("transfer-encoding: chunked\r\ntransfer-encoding: identity").as_bytes(),
        "transfer-encoding-repeated",
    );
    for value in ["chunked", "Chunked", "\tCHUNKED "] {
        let text = format!("{}0\r\n\r\n", with_field(&format!("Transfer-Encoding:{value}")));
        assert_passed(text.as_bytes(), 1);
    }
}

/// HTTP-04
#[test]
fn a_request_has_one_host_and_its_target_names_no_other() {
    assert_refused(b"GET / HTTP/1.1\r\n\r\n", "host-missing");
    assert_refused(b"GET / HTTP/1.1\r\naccept: */*\r\n\r\n", "host-missing");
    assert_refused(b"GET https://pay.example/ HTTP/1.1\r\n\r\n", "host-missing");
    assert_refused(b"GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n", "host-repeated");
    assert_refused(b"GET / HTTP/1.1\r\nhost: a\r\nHost: b\r\n\r\n", "host-repeated");
    for host in [
        "", " ", "a b", "a,b", "a@b", "a/b", "http://a", "a:", ":1", "a:99999", "a:b", "a#", "a?b", "a\\b",
        "[::1",
    ] {
        assert_refused(
            format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n").as_bytes(),
            "host",
        );
    }
    for target in [
        "https://evil.example/",
        "https://pay.example:444/",
        "https://pay.example./",
    ] {
        assert_refused(
            with_line(&format!("GET {target} HTTP/1.1")).as_bytes(),
            "host-mismatch",
        );
    }
    assert_passed(with_line("GET https://PAY.example/a?b HTTP/1.1").as_bytes(), 1);
}

/// HTTP-05
#[test]
fn lines_end_with_crlf_and_hold_no_control_characters() {
    for (field, name) in [
        ("x : y", "space-before-colon"),
        ("x\t: y", "space-before-colon"),
        ("content-length : 5", "space-before-colon"),
        ("transfer-encoding\t: chunked", "space-before-colon"),
        (" x: y", "obsolete-fold"),
        ("x: y\r\n z", "obsolete-fold"),
        ("x: y\r\n\tz", "obsolete-fold"),
        ("transfer-encoding:\r\n chunked", "transfer-encoding"),
        ("x: y\r\n \r\ny: z", "obsolete-fold"),
        ("no colon", "no-colon"),
        (": empty", "field-name"),
        ("x y: z", "field-name"),
        ("x\0: z", "field-name"),
        ("\u{e4}: z", "field-name"),
        ("x(y): z", "field-name"),
        ("x: y\0", "field-value"),
        ("x: \x01y", "field-value"),
        ("x: y\x7f", "field-value"),
        ("x: y\x1b[2J", "field-value"),
        ("x: y\ny: z", "bare-line-feed"),
        ("x: y\n", "bare-line-feed"),
        ("x: y\rz: a", "bare-carriage-return"),
        ("x: y\r", "bare-carriage-return"),
        ("x\r: y", "bare-carriage-return"),
        ("\rx: y", "bare-carriage-return"),
        ("x: y\r\r\ny: z", "bare-carriage-return"),
    ] {
        assert_refused(with_field(field).as_bytes(), name);
    }
    assert_refused(b"GET / HTTP/1.1\nhost: a\n\n", "bare-line-feed");
    assert_refused(b"GET / HTTP/1.1\r\nhost: a\r\n\n", "bare-line-feed");
    assert_refused(b"GET / HTTP/1.1\r\nhost: a\n\r\n", "bare-line-feed");
    assert_refused(b"GET / HTTP/1.1\r\r\nhost: a\r\n\r\n", "bare-carriage-return");
    assert_passed(with_field("x: \u{e4} \t z").as_bytes(), 1);
    assert_passed(with_field("x:").as_bytes(), 1);
}

#[test]
fn names_that_a_backend_could_take_for_framing_are_refused() {
    for field in [
        "content_length: 5",
        "Content_Length: 5",
        "transfer_encoding: chunked",
        "TRANSFER_ENCODING: chunked",
    ] {
        assert_refused(with_field(field).as_bytes(), "field-lookalike");
    }
    assert_passed(
        with_field("x-content-length: 5\r\nh0st: y\r\ncontent-lengths: 1\r\nx_y: z").as_bytes(),
        1,
    );
}

#[test]
fn a_request_line_is_method_target_and_version_with_single_spaces() {
    for (line, name) in [
        ("get / HTTP/1.1", "method"),
        (" GET / HTTP/1.1", "method"),
        ("\tGET / HTTP/1.1", "method"),
        ("G\0T / HTTP/1.1", "method"),
        ("GET\t/ HTTP/1.1", "method"),
        ("G!T / HTTP/1.1", "method"),
        ("\u{feff}GET / HTTP/1.1", "method"),
        ("GETGETGETGETGETGETGETGETGETGETGETGET / HTTP/1.1", "method"),
        ("\x16\x03\x01\x02", "method"),
        ("GET  / HTTP/1.1", "request-line"),
        ("GET /  HTTP/1.1", "request-line"),
        ("GET / HTTP/1.1 ", "request-line"),
        ("GET /a b HTTP/1.1", "request-line"),
        ("GET", "version"),
        ("GET /", "version"),
        ("GET / HTTP/1.0", "version"),
        ("GET / HTTP/0.9", "version"),
        ("GET / HTTP/1.2", "version"),
        ("GET / HTTP/2.0", "version"),
        ("GET / HTTP/1.01", "version"),
        ("GET / HTTP/01.1", "version"),
        ("GET / http/1.1", "version"),
        ("GET / HTTP/1.1\t", "version"),
        ("GET / HTTPS/1.1", "version"),
        ("PRI * HTTP/2.0", "version"),
        ("GET * HTTP/1.1", "target"),
        ("GET a HTTP/1.1", "target"),
        ("GET pay.example:443 HTTP/1.1", "target"),
        ("GET //evil HTTP/1.1\0", "version"),
        ("GET /a\0b HTTP/1.1", "target"),
        ("GET /a\tb HTTP/1.1", "target"),
        ("GET /a#b HTTP/1.1", "target"),
        ("GET /?a#b HTTP/1.1", "target"),
        ("GET /a\\b HTTP/1.1", "target"),
        ("GET /caf\u{e9} HTTP/1.1", "target"),
        ("GET /?caf\u{e9} HTTP/1.1", "target"),
        ("GET /<a> HTTP/1.1", "target"),
        ("GET /\" HTTP/1.1", "target"),
        ("GET /a\x7f HTTP/1.1", "target"),
        ("GET http://pay.example/ HTTP/1.1", "target"),
        ("GET ftp://pay.example/ HTTP/1.1", "target"),
        ("GET https://pay.example HTTP/1.1", "target"),
        ("GET https://a@pay.example/ HTTP/1.1", "target"),
        ("GET https:///a HTTP/1.1", "target"),
        ("GET https://pay.example\\@evil.example/ HTTP/1.1", "target"),
        ("CONNECT / HTTP/1.1", "target"),
        ("CONNECT pay.example HTTP/1.1", "target"),
    ] {
        assert_refused(with_line(line).as_bytes(), name);
    }
    for line in [
        "GET / HTTP/1.1",
        "GET /a/b;c=d?e=f&g[h]=i|j HTTP/1.1",
        "GET /%41%2f HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "M-SEARCH / HTTP/1.1",
    ] {
        assert_passed(with_line(line).as_bytes(), 1);
    }
}

#[test]
fn one_empty_line_may_stand_before_a_request_and_no_second() {
    assert_passed(b"\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n", 1);
    assert_refused(b"\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n", "empty-lines");
    assert_refused(b"\nGET / HTTP/1.1\r\nhost: a\r\n\r\n", "bare-line-feed");
    assert_refused(b" \r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n", "method");
}

/// Content of a GET is what a backend that does not read it takes for the next request.
#[test]
fn get_and_head_have_no_content() {
    for method in ["GET", "HEAD"] {
        for field in ["content-length: 1", "transfer-encoding: chunked"] {
            let text = format!("{method} / HTTP/1.1\r\nhost: a\r\n{field}\r\n\r\n");
            assert_refused(text.as_bytes(), "content-unexpected");
        }
        assert_passed(
            format!("{method} / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n").as_bytes(),
            1,
        );
    }
}

/// HTTP-11
#[test]
fn every_part_of_a_head_has_its_bound_and_its_own_reason() {
    let target = |bytes: usize| format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(bytes - 1));
    assert_passed(target(8192).as_bytes(), 1);
    assert_refused(target(8193).as_bytes(), "target-too-long");
    assert_refused(target(100_000).as_bytes(), "target-too-long");
    // Without an end, as soon as no end could make it good.
    assert_refused(format!("GET /{}", "a".repeat(8300)).as_bytes(), "target-too-long");
    assert_refused("A".repeat(8300).as_bytes(), "method");
    // "host: a" takes 9 bytes, the name and the end of the line 6, the empty line 2.
    let field = |bytes: usize| {
        format!(
            "GET / HTTP/1.1\r\nhost: a\r\nxx: {}\r\n\r\n",
            "a".repeat(bytes - 17)
        )
    };
    assert_passed(field(16 * 1024).as_bytes(), 1);
    assert_refused(field(16 * 1024 + 1).as_bytes(), "headers-too-large");
    assert_refused(field(1024 * 1024).as_bytes(), "headers-too-large");
    let many = |fields: usize| {
        let lines: String = (1..fields).map(|n| format!("x-{n}: 1\r\n")).collect();
        format!("GET / HTTP/1.1\r\nhost: a\r\n{lines}\r\n")
    };
    assert_passed(many(100).as_bytes(), 1);
    assert_refused(many(101).as_bytes(), "too-many-fields");
    assert_refused(many(5000).as_bytes(), "too-many-fields");
}

#[test]
fn what_stood_before_a_refused_request_passes_and_nothing_of_it() {
    let good = "POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nmoney";
    let bad = "GET /b HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n";
    let outcome = request(format!("{good}{good}{bad}{good}").as_bytes());
    assert_eq!(outcome.refused.map(|reason| reason.name()), Some("host-repeated"));
    assert_eq!(outcome.passed, 2 * good.len());
    assert!(
        outcome
            .account
            .messages
            .iter()
            .all(|message| message.ended && message.body == b"money")
    );
}
