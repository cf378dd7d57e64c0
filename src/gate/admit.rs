//! Arrived → Admitted: a strictly formed request head, for a host and a route of ours, within its limits, from a source
//! within its rates, at a time when it can be taken on. The doors have bounded the head's size before it comes here.

use std::sync::Arc;

use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, Request};

use super::exchange::Exchange;
use super::limits::{charge_source, check_route};
use super::refusal::{Refused, malformed};
use super::snapshot::Snapshot;
use crate::answer::Body;
use crate::base::fault::Cure;
use crate::base::{Code, Connection, Fault, RequestId, Timestamp};
use crate::config::{Lookup, RequestPath};
use crate::defense::Defense;

/// Headers that may stand once (HTTP-12). `Content-Digest` is a dictionary and may be spread over lines, but not here: a
/// second line is a second chance to disagree.
const SINGLE: [HeaderName; 9] = [
    AUTHORIZATION,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    CONTENT_ENCODING,
    HOST,
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("dpop"),
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("traceparent"),
];

/// A request as it came, with the facts of its connection.
pub struct Arrived {
    exchange: Box<Exchange>,
    body: Body,
}

/// A request for something that is served here.
pub struct Admitted {
    exchange: Box<Exchange>,
    body: Body,
}

impl Arrived {
    /// Takes a request in. `snapshot` stays with it to the end.
    #[must_use]
    pub fn new(
        request: Request<Body>,
        connection: Arc<Connection>,
        snapshot: Arc<Snapshot>,
        id: RequestId,
        at: Timestamp,
    ) -> Self {
        let (head, body) = request.into_parts();
        let exchange = Exchange {
            id,
            at,
            connection,
            snapshot,
            head,
            authority: String::new(),
            route: None,
            client: None,
            good_signature: None,
            hang_up: false,
            payment: None,
        };
        Self {
            exchange: Box::new(exchange),
            body,
        }
    }
}

/// Checks form, host, route, rates, load and declared size.
pub(super) fn admit(arrived: Arrived, defense: &Defense) -> Result<Admitted, Refused> {
    let Arrived { mut exchange, body } = arrived;
    match check(&mut exchange, defense) {
        Ok(()) => Ok(Admitted { exchange, body }),
        Err(fault) => Err(Refused::new(exchange, fault)),
    }
}

impl Admitted {
    /// Whether it is for one of our own paths; otherwise it is for a configured route.
    pub(super) fn is_own(&self) -> bool {
        self.exchange.route.is_none()
    }

    pub(super) fn into_parts(self) -> (Box<Exchange>, Body) {
        (self.exchange, self.body)
    }
}

fn check(exchange: &mut Exchange, defense: &Defense) -> Result<(), Fault> {
    let within_rates = charge_source(exchange, defense);
    check_form(&exchange.head.headers)?;
    exchange.authority = authority(exchange)?;
    let path = RequestPath::parse(exchange.path()).ok_or_else(|| {
        malformed("The path has dot segments, empty segments, or escapes that could be read in two ways.")
    })?;
    let snapshot = Arc::clone(&exchange.snapshot);
    let door = exchange.connection.door;
    let host = snapshot
        .route_host(door, &exchange.authority)
        .ok_or(Code::Misdirected)?;
    if path.is_reserved() {
        return within_rates;
    }
    match snapshot.config.routes.find(host, &exchange.head.method, &path) {
        Lookup::Found(route) => exchange.route = snapshot.route(&route.name),
        Lookup::MethodNotAllowed(methods) => {
            let methods = methods
                .iter()
                .map(|method| method.as_str())
                .collect::<Vec<_>>()
                .join(", ");
            return Err(Fault::new(Code::MethodNotAllowed).cure(Cure::Allow(methods)));
        }
        Lookup::Unknown => {}
    }
    let route = exchange.route.as_ref().ok_or(Code::RouteUnknown)?;
    within_rates?;
    check_route(exchange, defense)?;
    match declared_length(&exchange.head.headers)? {
        Some(length) if length > route.route.body_limit => Err(Code::BodyTooLarge.into()),
        _ => Ok(()),
    }
}

fn check_form(headers: &HeaderMap) -> Result<(), Fault> {
    let repeated = |name: &&HeaderName| headers.get_all(*name).iter().nth(1).is_some();
    if SINGLE.iter().find(repeated).is_some() {
        return Err(malformed("A header that may stand once stands more than once."));
    }
    Ok(())
}

/// Host and port the client named. The target and `Host` must not disagree (RFC 9112 section 3.2.2, RFC 9113 section 8.3.1).
fn authority(exchange: &Exchange) -> Result<String, Fault> {
    let header = match exchange.head.headers.get(HOST) {
        Some(value) => Some(
            value
                .to_str()
                .map_err(|_| malformed("Host is not printable ASCII."))?,
        ),
        None => None,
    };
    let target = exchange.head.uri.authority().map(http::uri::Authority::as_str);
    match (target, header) {
        (Some(target), Some(header)) if !target.eq_ignore_ascii_case(header) => {
            Err(malformed("Host and the authority of the target disagree."))
        }
        (Some(authority), _) | (None, Some(authority)) => Ok(normal(authority)),
        (None, None) => Err(malformed("Host is missing.")),
    }
}

/// Lower case, without the default port: as `@authority` has it (RFC 9421, section 2.2.3).
fn normal(authority: &str) -> String {
    let lower = authority.to_ascii_lowercase();
    lower.strip_suffix(":443").map(str::to_owned).unwrap_or(lower)
}

fn declared_length(headers: &HeaderMap) -> Result<Option<u64>, Fault> {
    let Some(value) = headers.get(CONTENT_LENGTH) else {
        return Ok(None);
    };
    // Digits alone: `parse` would take a plus sign as well (RFC 9110, section 8.6).
    let text = value.to_str().unwrap_or_default();
    let digits = Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits
        .and_then(|digits| digits.parse().ok())
        .map(Some)
        .ok_or_else(|| malformed("Content-Length is not a number."))
}
