//! The head a backend receives: rebuilt from an allow-list, with what only the gate can say, under the gate's signature
//! (design 4.7).

use countersign_signatures::{Algorithm, Component, Parameters, Request, sign};
use http::header::{
    ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, FORWARDED, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    IF_UNMODIFIED_SINCE, RANGE,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::attest::Attestation;
use super::exchange::Exchange;
use crate::base::limits::TXN_TOKEN_LIFE;
use crate::base::{Code, Entropy, Fault};
use crate::keys::Purpose;

/// What passes from the client to a backend. Everything else stays here, credentials and claims about the caller first
/// of all (HDR-01, HDR-02).
const PASSED_ON: [HeaderName; 13] = [
    ACCEPT,
    ACCEPT_LANGUAGE,
    CONTENT_TYPE,
    HeaderName::from_static("content-encoding"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("idempotency-key"),
    IF_MATCH,
    IF_MODIFIED_SINCE,
    IF_NONE_MATCH,
    IF_UNMODIFIED_SINCE,
    HeaderName::from_static("prefer"),
    RANGE,
    HeaderName::from_static("tracestate"),
];

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TXN_TOKEN: HeaderName = HeaderName::from_static("txn-token");

/// The headers without identity: what every backend gets, on `public` routes too.
pub(super) fn passed_on(exchange: &Exchange, entropy: &dyn Entropy) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(16);
    for name in PASSED_ON {
        for value in exchange.head.headers.get_all(&name) {
            headers.append(name.clone(), value.clone());
        }
    }
    let host = format!("host=\"{}\";proto=https", exchange.authority);
    if let Ok(value) = HeaderValue::from_str(&host) {
        headers.insert(FORWARDED, value);
    }
    if let Ok(value) = HeaderValue::from_str(&trace_parent(exchange, entropy)) {
        headers.insert(TRACEPARENT, value);
    }
    if !exchange.head.headers.contains_key(TRACEPARENT) {
        headers.remove("tracestate");
    }
    headers
}

/// The client's trace when it sent a valid one, with this hop as parent; otherwise a new one (W3C Trace Context, HDR-06).
fn trace_parent(exchange: &Exchange, entropy: &dyn Entropy) -> String {
    let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
    let trace = exchange
        .header("traceparent")
        .and_then(trace_id)
        .map(str::to_owned);
    let trace = trace.unwrap_or_else(|| hex(&entropy.bytes::<16>()));
    format!("00-{trace}-{}-01", hex(&entropy.bytes::<8>()))
}

fn trace_id(traceparent: &str) -> Option<&str> {
    let mut parts = traceparent.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex = |text: &str, length| {
        text.len() == length
            && text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let valid =
        version == "00" && hex(trace, 32) && hex(parent, 16) && hex(flags, 2) && parts.next().is_none();
    (valid && trace.bytes().any(|byte| byte != b'0')).then_some(trace)
}

/// Adds Txn-Token, the client's signatures and, over all that matters, the gate's own.
pub(super) fn countersign(
    headers: &mut HeaderMap,
    exchange: &Exchange,
    facts: &Attestation,
    txn_token: &str,
    upstream_authority: &str,
    entropy: &dyn Entropy,
) -> Result<(), Fault> {
    let unsigned = |cause: &dyn std::fmt::Display| Fault::new(Code::StoreUnavailable).cause(cause);
    let value = HeaderValue::from_str(txn_token).map_err(|error| unsigned(&error))?;
    headers.insert(TXN_TOKEN, value);
    for members in facts
        .client_signature
        .iter()
        .chain(facts.payment.as_ref().map(|payment| &payment.members))
    {
        members.append_to(headers).map_err(|error| unsigned(&error))?;
    }
    let key = exchange
        .snapshot
        .keys
        .signing(Purpose::Message)
        .ok_or(Code::StoreUnavailable)?;
    let nonce = entropy.token(16);
    let now = exchange.at.seconds();
    let parameters = Parameters {
        created: Some(now),
        expires: Some(now.saturating_add(TXN_TOKEN_LIFE.as_secs() as i64)),
        nonce: Some(nonce.into()),
        keyid: Some(key.kid.as_str().into()),
        tag: Some("countersign-forward".into()),
        ..Parameters::default()
    };
    let components = covered(headers, facts);
    let view = Request {
        method: exchange.method(),
        scheme: "https",
        authority: upstream_authority,
        path: exchange.path(),
        query: exchange.query(),
        headers,
        trailers: None,
    };
    let signed = sign(
        &view,
        "countersign",
        &components,
        &parameters,
        &key.key,
        Algorithm::Ed25519,
    )
    .map_err(|error| unsigned(&error))?;
    signed
        .members
        .append_to(headers)
        .map_err(|error| unsigned(&error))
}

fn covered(headers: &HeaderMap, facts: &Attestation) -> Vec<Component<'static>> {
    let mut components = vec![
        Component::derived("@method"),
        Component::derived("@authority"),
        Component::derived("@path"),
        Component::derived("@query"),
        Component::field("txn-token"),
        Component::field("forwarded"),
    ];
    let present = ["content-digest", "content-type", "idempotency-key", "traceparent"];
    components.extend(
        present
            .into_iter()
            .filter(|name| headers.contains_key(*name))
            .map(Component::field),
    );
    let labels = facts
        .client_signature
        .iter()
        .map(|_| "client")
        .chain(facts.payment.iter().map(|_| "payment"));
    for label in labels {
        components.push(Component::field("signature").key(label));
        components.push(Component::field("signature-input").key(label));
    }
    components
}

#[cfg(test)]
mod tests {
    use super::trace_id;

    /// HDR-06
    #[test]
    fn only_a_valid_trace_is_continued() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(trace_id(good), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        ] {
            assert_eq!(trace_id(bad), None, "{bad}");
        }
    }
}
