//! The head a backend receives: rebuilt from an allow-list, with what only the gate can say, under the gate's signature
//!.

use bytes::Bytes;
use countersign_signatures::{Algorithm, Component, Members, Parameters, Request, Signatures, sign};
use data_encoding::HEXLOWER;
use http::header::{
    ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, FORWARDED, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    IF_UNMODIFIED_SINCE, RANGE,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::attest::Attestation;
use super::exchange::Exchange;
use super::spare;
use crate::base::limits::TXN_TOKEN_LIFE;
use crate::base::{Code, Entropy, Fault, Timestamp};
use crate::keys::{KeySet, Purpose};

/// What passes from the client to a backend. Everything else stays here, credentials and claims about the caller first
/// of all (HDR-01, HDR-02).
static PASSED_ON: [HeaderName; 13] = [
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
    TRACESTATE,
];

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const TXN_TOKEN: HeaderName = HeaderName::from_static("txn-token");
/// Characters of the two identifiers in `traceparent` (W3C Trace Context, section 3.2.2).
const TRACE_CHARACTERS: usize = 32;
const PARENT_CHARACTERS: usize = 16;
/// The label of the gate's own signature.
const GATE_LABEL: &str = "countersign";
/// The label of the client's signature under the request, as it is passed on.
pub(super) const CLIENT: &str = "client";
/// The label of the client's evidence.
pub(super) const PAYMENT: &str = "payment";
/// Components that the gate covers, at most: four derived ones, six fields, two members for each signature of the
/// client.
const MOST_COVERED: usize = 14;

/// The headers without identity: what every backend gets, on `public` routes too.
pub(super) fn passed_on(exchange: &Exchange, entropy: &dyn Entropy) -> HeaderMap {
    let received = &exchange.head.headers;
    let traceparent = received.get(TRACEPARENT);
    let mut headers = spare::take();
    for name in &PASSED_ON {
        // The state of no trace is nothing (W3C Trace Context, section 3.3).
        if *name == TRACESTATE && traceparent.is_none() {
            continue;
        }
        for value in received.get_all(name) {
            headers.append(name, value.clone());
        }
    }
    let trace = traceparent
        .and_then(|value| value.to_str().ok())
        .and_then(trace_id);
    add_own(&mut headers, &exchange.authority, trace, entropy);
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
    /// The client's signatures among the headers; there are no others.
    pub(super) client_signatures: &'a [&'a Members],
}

/// Adds the client's signatures, under the labels by which the gate passes them on, and returns them.
pub(super) fn add_client_signatures<'a>(
    headers: &mut HeaderMap,
    exchange: &'a Exchange,
    facts: &'a Attestation,
) -> Result<Vec<&'a Members>, Fault> {
    let client = exchange.good_signature.iter().map(|good| &good.members);
    let payment = facts.payment.iter().map(|payment| &payment.members);
    let mut added: Vec<&Members> = Vec::with_capacity(2);
    for members in client.chain(payment) {
        let beside: Vec<&str> = added.iter().map(|members| members.label()).collect();
        members
            .clone()
            .append_beside(&beside, headers)
            .map_err(unsigned)?;
        added.push(members);
    }
    Ok(added)
}

/// The client's signatures in `headers` that the gate made earlier.
pub(super) fn client_signatures(headers: &HeaderMap) -> Result<Vec<Members>, Fault> {
    let signatures = Signatures::parse(headers).map_err(unsigned)?;
    let entries = [CLIENT, PAYMENT]
        .into_iter()
        .filter_map(|label| signatures.by_label(label));
    entries
        .map(|entry| entry.renamed(entry.label()).map_err(unsigned))
        .collect()
}

/// Adds the Txn-Token and, over all that matters, the gate's own signature.
pub(super) fn countersign(
    headers: &mut HeaderMap,
    target: &OutboundTarget<'_>,
    txn_token: String,
    keys: &KeySet,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<(), Fault> {
    let components = covered(headers, target.client_signatures);
    headers.insert(TXN_TOKEN, HeaderValue::try_from(txn_token).map_err(unsigned)?);
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
    let labels: Vec<&str> = target
        .client_signatures
        .iter()
        .map(|members| members.label())
        .collect();
    signed.members.append_beside(&labels, headers).map_err(unsigned)
}

fn unsigned(cause: impl std::fmt::Display) -> Fault {
    Fault::new(Code::StoreUnavailable).cause(cause)
}

fn covered<'a>(headers: &HeaderMap, client_signatures: &[&'a Members]) -> Vec<Component<'a>> {
    let mut components = Vec::with_capacity(MOST_COVERED);
    components.extend(["@method", "@authority", "@path", "@query"].map(Component::derived));
    components.extend(["txn-token", "forwarded"].map(Component::field));
    let present = ["content-digest", "content-type", "idempotency-key", "traceparent"];
    components.extend(
        present
            .into_iter()
            .filter(|name| headers.contains_key(*name))
            .map(Component::field),
    );
    for members in client_signatures {
        let [signature, input] =
            ["signature", "signature-input"].map(|name| Component::field(name).key(members.label()));
        components.push(signature.known(members.signature_value()));
        components.push(input.known(members.input_value()));
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
