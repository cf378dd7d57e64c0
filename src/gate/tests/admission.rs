//! Arrived → Admitted: form, host, path, size.

use http::{HeaderValue, Request};

use super::{World, world};
use crate::base::{Code, Door};

fn get(host: &str, path: &str) -> http::request::Builder {
    Request::get(path).header("host", host)
}

fn outcome(world: &World, request: http::request::Builder) -> Result<String, Code> {
    let exchange = world.admit(request)?;
    Ok(exchange
        .route
        .as_ref()
        .map_or_else(|| "own".to_owned(), |route| route.name.to_string()))
}

/// HTTP-12
#[tokio::test]
async fn a_header_that_may_stand_once_is_refused_when_it_stands_twice() {
    let world = world().await;
    for name in [
        "authorization",
        "content-length",
        "content-type",
        "content-encoding",
        "host",
        "content-digest",
        "dpop",
        "idempotency-key",
        "traceparent",
    ] {
        let once = get("pay.example.com", "/accounts/1");
        let twice = match name {
            "host" => once.header(name, "pay.example.com"),
            _ => once.header(name, "1").header(name, "1"),
        };
        assert_eq!(outcome(&world, twice), Err(Code::RequestMalformed), "{name}");
    }
    let accepts = get("pay.example.com", "/accounts/1")
        .header("accept", "a/b")
        .header("accept", "c/d");
    assert_eq!(outcome(&world, accepts), Ok("accounts".to_owned()));
}

/// RFC 9110 section 4.2.3, RFC 9421 section 2.2.3
#[tokio::test]
async fn host_is_compared_without_case_and_default_port() {
    let world = world().await;
    for host in ["pay.example.com", "PAY.Example.com", "pay.example.com:443"] {
        let exchange = world.admit(get(host, "/accounts/1?x=%20&y=")).unwrap();
        assert_eq!(exchange.authority, "pay.example.com", "{host}");
        assert_eq!(
            exchange.target_uri(),
            "https://pay.example.com/accounts/1?x=%20&y="
        );
    }
    let absolute = Request::get("https://pay.example.com/accounts/1");
    assert_eq!(
        outcome(&world, absolute),
        Ok("accounts".to_owned()),
        "HTTP/2 has no Host"
    );
}

/// HTTP-04
#[tokio::test]
async fn a_host_that_is_not_served_here_is_misdirected() {
    let world = world().await;
    for host in [
        "evil.example.com",
        "pay.example.com:8443",
        "pay.example.com.",
        "pay.example.com@evil.example.com",
        "mtls.example.com:8444",
        "",
    ] {
        assert_eq!(
            outcome(&world, get(host, "/accounts/1")),
            Err(Code::Misdirected),
            "{host}"
        );
    }
    let two = Request::get("https://other.example.com/x").header("host", "pay.example.com");
    assert_eq!(outcome(&world, two), Err(Code::RequestMalformed));
    assert_eq!(
        outcome(&world, Request::get("/accounts/1")),
        Err(Code::RequestMalformed)
    );
    let binary = Request::get("/accounts/1").header("host", HeaderValue::from_bytes(b"p\xff").unwrap());
    assert_eq!(outcome(&world, binary), Err(Code::RequestMalformed));
}

/// The twin serves the same routes under its own name; the admin door serves none.
#[tokio::test]
async fn each_door_serves_its_own_names() {
    let world = world().await;
    let at = |door, host| {
        world
            .admit_at(door, get(host, "/accounts/1"))
            .map(|exchange| exchange.authority)
    };
    assert_eq!(
        at(Door::MutualTls, "mtls.example.com:8444"),
        Ok("mtls.example.com:8444".to_owned())
    );
    assert_eq!(at(Door::Public, "mtls.example.com:8444"), Err(Code::Misdirected));
    for host in ["pay.example.com", "mtls.example.com:8444", "other.example.com"] {
        assert_eq!(at(Door::Admin, host), Err(Code::Misdirected), "{host}");
    }
}

/// HTTP-10
#[tokio::test]
async fn a_path_that_backends_could_read_in_two_ways_is_refused() {
    let world = world().await;
    for path in [
        "/accounts/..",
        "/accounts/../payments",
        "/accounts/%2e%2e/payments",
        "/accounts/.",
        "/accounts//1",
        "//accounts/1",
        "/accounts/a%2fb",
        "/accounts/a%5Cb",
        "/accounts/%",
        "/accounts/%4",
        "/accounts/%zz",
        "/accounts/%00",
    ] {
        assert_eq!(
            outcome(&world, get("pay.example.com", path)),
            Err(Code::RequestMalformed),
            "{path}"
        );
    }
}

#[tokio::test]
async fn no_spelling_of_a_path_slips_past_its_route() {
    let world = world().await;
    let post = |path: &str| Request::post(path).header("host", "pay.example.com");
    for path in ["/payments", "/p%61yments", "/payments;v=1"] {
        assert_eq!(outcome(&world, post(path)), Ok("payments".to_owned()), "{path}");
    }
    for path in ["/PAYMENTS", "/payments/", "/payment", "/"] {
        assert_eq!(outcome(&world, post(path)), Err(Code::RouteUnknown), "{path}");
    }
    assert_eq!(
        outcome(&world, get("pay.example.com", "/payments")),
        Err(Code::MethodNotAllowed)
    );
    assert_eq!(outcome(&world, post("/oauth/token")), Ok("own".to_owned()));
    assert_eq!(outcome(&world, post("/%6fauth/token")), Ok("own".to_owned()));
}

/// HTTP-11
#[tokio::test]
async fn a_declared_length_is_held_against_the_route_before_a_byte_is_read() {
    let world = world().await;
    let of = |length: &str| get("pay.example.com", "/accounts/1").header("content-length", length);
    assert_eq!(outcome(&world, of("1024")), Ok("accounts".to_owned()));
    assert_eq!(outcome(&world, of("1025")), Err(Code::BodyTooLarge));
    assert_eq!(
        outcome(&world, of("18446744073709551615")),
        Err(Code::BodyTooLarge)
    );
    for length in ["-1", "ten", "", "18446744073709551616", "1,1", "0x10", "+5", " 5"] {
        assert_eq!(
            outcome(&world, of(length)),
            Err(Code::RequestMalformed),
            "{length}"
        );
    }
}
