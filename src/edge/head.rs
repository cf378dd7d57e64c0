//! Heads that are refused before anyone looks at what they ask for.

use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::Body as _;

use super::fields;
use crate::answer::{self, Body};
use crate::base::fault::Cure;
use crate::base::limits::{HEADER_BYTES, HEADER_COUNT, URI_BYTES};
use crate::base::{Code, Fault, RequestId};

/// The methods a gateway can pass on; CONNECT and TRACE are not among them (HTTP-09).
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// Why a head is refused.
#[derive(Debug)]
pub(super) enum Refusal {
    /// A fault of the table.
    Fault(Fault),
    /// An expectation other than `100-continue` (RFC 9110, section 10.1.1).
    ExpectationFailed,
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Self::Fault(Fault::new(code))
    }
}

/// Looks at a head that hyper has parsed.
pub(super) fn check<B>(request: &Request<B>) -> Result<(), Refusal> {
    check_host(request)?;
    check_size(request)?;
    if !fields::are_well_formed(request) {
        return Err(Code::RequestMalformed.into());
    }
    if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
        let fault = Fault::new(Code::MethodNotAllowed).cure(Cure::Allow(METHODS.to_owned()));
        return Err(Refusal::Fault(fault));
    }
    if request.headers().contains_key(UPGRADE) {
        let fault = Fault::new(Code::RequestMalformed)
            .detail("This gateway does not change protocols; leave out Upgrade.");
        return Err(Refusal::Fault(fault));
    }
    let mut expectations = request.headers().get_all(EXPECT).iter();
    if expectations.any(|value| !value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        return Err(Refusal::ExpectationFailed);
    }
    Ok(())
}

/// One `Host` in HTTP/1 (RFC 9112, section 3.2), one authority in HTTP/2 (RFC 9113, section 8.3.1).
fn check_host<B>(request: &Request<B>) -> Result<(), Refusal> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (first, second) = (hosts.next(), hosts.next());
    let authority = request.uri().authority().map(|authority| authority.as_str());
    let well_formed = match (first, second) {
        (_, Some(_)) => false,
        (Some(host), None) if request.version() == Version::HTTP_2 => {
            authority.is_none_or(|authority| host.as_bytes().eq_ignore_ascii_case(authority.as_bytes()))
        }
        (Some(host), None) => !host.is_empty(),
        (None, None) => request.version() == Version::HTTP_2 && authority.is_some(),
    };
    if well_formed {
        Ok(())
    } else {
        Err(Code::RequestMalformed.into())
    }
}

/// HTTP-11. hyper's own bounds lie above these, because what it refuses gets no problem document.
fn check_size<B>(request: &Request<B>) -> Result<(), Refusal> {
    // HTTP/2 carries the authority beside the path; both count.
    let uri = request.uri();
    let target = uri.path_and_query().map_or(0, |target| target.as_str().len());
    if target + uri.authority().map_or(0, |authority| authority.as_str().len()) > URI_BYTES {
        return Err(Code::UriTooLong.into());
    }
    if request.headers().len() > HEADER_COUNT || header_bytes(request.headers()) > HEADER_BYTES {
        return Err(Code::HeadersTooLarge.into());
    }
    Ok(())
}

/// The header section as HTTP/1 writes it: name, colon, space, value, end of line.
fn header_bytes(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum()
}

/// The answer. It closes an HTTP/1 connection: whoever sends such a head may also mean its body as another request.
pub(super) fn answer(refusal: &Refusal, version: Version, request: RequestId) -> Response<Body> {
    let mut response = match refusal {
        Refusal::Fault(fault) => answer::problem(fault, request),
        Refusal::ExpectationFailed => bare(StatusCode::EXPECTATION_FAILED),
    };
    answer::add_security_headers(response.headers_mut(), request);
    if version != Version::HTTP_2 {
        close(&mut response);
    }
    response
}

/// Says that the connection ends with this answer (RFC 9112, section 9.6).
pub(super) fn close(response: &mut Response<Body>) {
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
}

/// An answer to HEAD: it says how long its content would be, and has none (RFC 9110, section 9.3.2).
pub(super) fn without_content(response: Response<Body>) -> Response<Body> {
    let (mut head, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact().filter(|length| *length > 0) {
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Response::from_parts(head, Body::empty())
}

/// An answer that says nothing but its status.
pub(super) fn bare(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(target: &str) -> http::request::Builder {
        Request::get(target).header(HOST, "pay.example")
    }

    fn code(request: http::request::Builder) -> &'static str {
        match check(&request.body(()).unwrap()) {
            Ok(()) => "ok",
            Err(Refusal::Fault(fault)) => fault.code.name(),
            Err(Refusal::ExpectationFailed) => "expectation-failed",
        }
    }

    /// HTTP-09
    #[test]
    fn connect_trace_upgrades_and_odd_expectations_are_refused() {
        assert_eq!(code(get("/").method(Method::CONNECT)), "method-not-allowed");
        assert_eq!(code(get("/").method(Method::TRACE)), "method-not-allowed");
        assert_eq!(code(get("/").header(UPGRADE, "h2c")), "request-malformed");
        assert_eq!(code(get("/").header(UPGRADE, "websocket")), "request-malformed");
        assert_eq!(code(get("/").header(EXPECT, "200-ok")), "expectation-failed");
        assert_eq!(code(get("/").header(EXPECT, "100-Continue")), "ok");
    }

    /// HTTP-04, H2-02
    #[test]
    fn a_request_names_exactly_one_authority() {
        let second = |host: &'static str| {
            Request::get("https://pay.example/")
                .version(Version::HTTP_2)
                .header(HOST, host)
        };
        assert_eq!(code(Request::get("/")), "request-malformed");
        assert_eq!(code(get("/").header(HOST, "pay.example")), "request-malformed");
        assert_eq!(code(Request::get("/").header(HOST, "")), "request-malformed");
        assert_eq!(
            code(Request::get("https://pay.example/").version(Version::HTTP_2)),
            "ok"
        );
        assert_eq!(code(second("pay.example")), "ok");
        assert_eq!(code(second("other.example")), "request-malformed");
    }

    /// HTTP-11
    #[test]
    fn a_head_stays_within_its_bounds() {
        assert_eq!(code(get(&format!("/{}", "a".repeat(URI_BYTES - 1)))), "ok");
        assert_eq!(code(get(&format!("/{}", "a".repeat(URI_BYTES)))), "uri-too-long");
        let many = |count| (1..count).fold(get("/"), |request, n| request.header(format!("x-{n}"), "1"));
        assert_eq!(code(many(HEADER_COUNT)), "ok");
        assert_eq!(code(many(HEADER_COUNT + 1)), "headers-too-large");
        assert_eq!(
            code(get("/").header("x", "a".repeat(HEADER_BYTES))),
            "headers-too-large"
        );
    }
}
