//! The head a backend receives: rebuilt from an allow-list, with what only the gate can say, under the gate's signature
//! (design 4.7).

use bytes::Bytes;
use countersign_signatures::{Algorithm, Component, Parameters, Request, Signatures, sign};
use data_encoding::HEXLOWER;
use http::header::{
    ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, FORWARDED, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    IF_UNMODIFIED_SINCE, RANGE,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::attest::Attestation;
use super::exchange::Exchange;
use crate::base::limits::TXN_TOKEN_LIFE;
use crate::base::{Code, Entropy, Fault, Timestamp};
use crate::keys::{KeySet, Purpose};

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
/// Characters of the two identifiers in `traceparent` (W3C Trace Context, section 3.2.2).
const TRACE_CHARACTERS: usize = 32;
const PARENT_CHARACTERS: usize = 16;
/// The label of the gate's own signature.
const GATE_LABEL: &str = "countersign";
/// The label of the client's signature under the request, as it is passed on.
const CLIENT: &str = "client";
/// The label of the client's evidence.
const PAYMENT: &str = "payment";

/// The headers without identity: what every backend gets, on `public` routes too.
pub(super) fn passed_on(exchange: &Exchange, entropy: &dyn Entropy) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(16);
    for name in PASSED_ON {
        for value in exchange.head.headers.get_all(&name) {
            headers.append(name.clone(), value.clone());
        }
    }
    let trace = exchange.header("traceparent").and_then(trace_id);
    add_own(&mut headers, &exchange.authority, trace, entropy);
    if !exchange.head.headers.contains_key(TRACEPARENT) {
        headers.remove("tracestate");
    }
    headers
}

/// What the gate says of every request: the host it was sent to, and the client's trace when it sent a valid one, with this
/// hop as parent; otherwise a new one (RFC 7239; W3C Trace Context, HDR-06).
pub(super) fn add_own(headers: &mut HeaderMap, host: &str, trace: Option<&str>, entropy: &dyn Entropy) {
    let forwarded = [b"host=\"", host.as_bytes(), b"\";proto=https"].concat();
    if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(forwarded)) {
        headers.insert(FORWARDED, value);
    }
    // Sampled, in the only version there is.
    let mut parent = *b"00-tttttttttttttttttttttttttttttttt-pppppppppppppppp-01";
    let (_, rest) = parent.split_at_mut(3);
    let (its_trace, rest) = rest.split_at_mut(TRACE_CHARACTERS);
    match trace.map(str::as_bytes) {
        Some(trace) if trace.len() == TRACE_CHARACTERS => its_trace.copy_from_slice(trace),
        _ => HEXLOWER.encode_mut(&entropy.bytes::<{ TRACE_CHARACTERS / 2 }>(), its_trace),
    }
    let (_, rest) = rest.split_at_mut(1);
    let (its_parent, _) = rest.split_at_mut(PARENT_CHARACTERS);
    HEXLOWER.encode_mut(&entropy.bytes::<{ PARENT_CHARACTERS / 2 }>(), its_parent);
    if let Ok(value) = HeaderValue::from_bytes(&parent) {
        headers.insert(TRACEPARENT, value);
    }
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
    let valid = version == "00"
        && hex(trace, TRACE_CHARACTERS)
        && hex(parent, PARENT_CHARACTERS)
        && hex(flags, 2)
        && parts.next().is_none();
    (valid && trace.bytes().any(|byte| byte != b'0')).then_some(trace)
}

/// What the gate signs of a request on its way out, beside its headers.
pub(super) struct OutboundTarget<'a> {
    pub(super) method: &'a str,
    pub(super) authority: &'a str,
    pub(super) path: &'a str,
    pub(super) query: Option<&'a str>,
    /// The client's signatures among the headers, by the labels they are passed on under.
    pub(super) client_labels: &'a [&'static str],
}

/// Adds the client's signatures; returns the labels by which the gate passes them on.
pub(super) fn add_client_signatures(
    headers: &mut HeaderMap,
    facts: &Attestation,
) -> Result<Vec<&'static str>, Fault> {
    let client = facts.client_signature.iter();
    let payment = facts.payment.iter().map(|payment| &payment.members);
    let mut labels = Vec::with_capacity(2);
    let client = client.map(|members| (CLIENT, members));
    for (label, members) in client.chain(payment.map(|members| (PAYMENT, members))) {
        members.append_to(headers).map_err(unsigned)?;
        labels.push(label);
    }
    Ok(labels)
}

/// The labels of the client's signatures in `headers` that the gate made earlier.
pub(super) fn client_labels(headers: &HeaderMap) -> Result<Vec<&'static str>, Fault> {
    let signatures = Signatures::parse(headers).map_err(unsigned)?;
    let among = |label: &&'static str| signatures.by_label(label).is_some();
    Ok([CLIENT, PAYMENT].into_iter().filter(among).collect())
}

/// Adds the Txn-Token and, over all that matters, the gate's own signature.
pub(super) fn countersign(
    headers: &mut HeaderMap,
    target: &OutboundTarget<'_>,
    txn_token: &str,
    keys: &KeySet,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<(), Fault> {
    let components = covered(headers, target.client_labels);
    headers.insert(TXN_TOKEN, HeaderValue::from_str(txn_token).map_err(unsigned)?);
    let key = keys.signing(Purpose::Message).ok_or(Code::StoreUnavailable)?;
    let now = now.seconds();
    let parameters = Parameters {
        created: Some(now),
        expires: Some(now.saturating_add(TXN_TOKEN_LIFE.as_secs() as i64)),
        nonce: Some(entropy.token(16).into()),
        keyid: Some(key.kid.as_str().into()),
        tag: Some("countersign-forward".into()),
        ..Parameters::default()
    };
    let view = Request {
        method: target.method,
        scheme: "https",
        authority: target.authority,
        path: target.path,
        query: target.query,
        headers,
        trailers: None,
    };
    let signed = sign(
        &view,
        GATE_LABEL,
        &components,
        &parameters,
        &key.key,
        Algorithm::Ed25519,
    )
    .map_err(unsigned)?;
    signed.members.append_to(headers).map_err(unsigned)
}

fn unsigned(cause: impl std::fmt::Display) -> Fault {
    Fault::new(Code::StoreUnavailable).cause(cause)
}

fn covered(headers: &HeaderMap, client_labels: &[&'static str]) -> Vec<Component<'static>> {
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
    for label in client_labels.iter().copied() {
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
