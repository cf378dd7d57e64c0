//! The client's own signature in a receipt: over a signature base that names the same request.

use countersign_signatures::digest::{DigestField, Digests};
use countersign_signatures::{Algorithm, Entry, Signatures};
use http::{HeaderMap, HeaderValue};
use sfv::{BareItem, Item, Parser};

use super::fault::PaymentFault;
use super::file::{File, Payment, Request};
use crate::payment_signature::{TAG, check_coverage};

/// The last line of a signature base (RFC 9421, section 2.5).
const LAST: &str = "\"@signature-params\": ";
/// The label under which the parts are put together; it says nothing.
const LABEL: &str = "payment";

/// What the client itself signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentEvidence {
    /// This payment, with the key in the receipt.
    Signed,
    /// The same, over another digest of the body than the receipt's: whether they belong to one body, only the body tells.
    SignedOtherDigest,
    /// Nothing: the gateway alone vouches for the request.
    None,
}

/// Verifies the signature, where there is one.
pub(super) fn verify(file: &File) -> Result<PaymentEvidence, PaymentFault> {
    let Some(payment) = &file.payment else {
        return Ok(PaymentEvidence::None);
    };
    let headers = headers(payment).ok_or(PaymentFault::Base)?;
    let signatures = Signatures::parse(&headers).map_err(|_| PaymentFault::Base)?;
    let entry = signatures
        .by_label(LABEL)
        .filter(|entry| entry.well_formed().is_ok())
        .ok_or(PaymentFault::Base)?;
    let values = values(&payment.base, entry).ok_or(PaymentFault::Base)?;
    if entry.tag() != Some(TAG) {
        return Err(PaymentFault::Tag);
    }
    check_coverage(entry).map_err(PaymentFault::TooWeak)?;
    let algorithm = Algorithm::of(&payment.jwk.key);
    if entry.parameters().alg.is_some_and(|named| named != algorithm) {
        return Err(PaymentFault::Algorithm);
    }
    let evidence = same_request(&values, &file.request)?;
    payment
        .jwk
        .key
        .verify(algorithm.scheme(), payment.base.as_bytes(), &payment.bytes)
        .map_err(|_| PaymentFault::Invalid)?;
    Ok(evidence)
}

/// The signature as it stood in the headers of the request.
fn headers(payment: &Payment) -> Option<HeaderMap> {
    let parameters = payment.base.rsplit('\n').next()?.strip_prefix(LAST)?;
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("signature-input", format!("{LABEL}={parameters}")),
        ("signature", format!("{LABEL}=:{}:", payment.signature)),
    ] {
        headers.insert(name, HeaderValue::from_str(&value).ok()?);
    }
    Some(headers)
}

/// The name and value of every line of the base, when they are exactly those that the entry says it covers.
fn values<'b>(base: &'b str, entry: &Entry<'_>) -> Option<Vec<(String, &'b str)>> {
    let identifiers: Vec<String> = entry.components().iter().map(|each| each.identifier()).collect();
    let last = format!("{LAST}({}){}", identifiers.join(" "), entry.raw_parameters());
    let lines = base.strip_suffix(&last)?;
    let lines: Vec<&str> = lines.split_terminator('\n').collect();
    if lines.len() != identifiers.len() {
        return None;
    }
    let values = identifiers.into_iter().zip(lines).map(|(identifier, line)| {
        let value = line.strip_prefix(&identifier)?.strip_prefix(": ")?;
        Some((identifier, value))
    });
    values.collect()
}

fn same_request(values: &[(String, &str)], request: &Request) -> Result<PaymentEvidence, PaymentFault> {
    let signed = |name: &str| {
        let identifier = format!("\"{name}\"");
        let value = values.iter().find(|(covered, _)| *covered == identifier);
        value.map(|(_, value)| *value)
    };
    let differs = PaymentFault::OtherRequest;
    if signed("@method") != Some(&request.method) {
        return Err(differs("method"));
    }
    if signed("@target-uri") != Some(&request.target) {
        return Err(differs("target"));
    }
    if signed("idempotency-key").and_then(string).as_ref() != Some(&request.idempotency_key) {
        return Err(differs("idempotency_key"));
    }
    let digests = signed("content-digest").and_then(digests);
    match digests.and_then(|digests| digests.sha256.map(|sha256| sha256.to_vec())) {
        Some(digest) if digest == request.content_digest => Ok(PaymentEvidence::Signed),
        Some(_) => Err(differs("content_digest")),
        None => Ok(PaymentEvidence::SignedOtherDigest),
    }
}

/// The text of an RFC 9651 String.
fn string(value: &str) -> Option<String> {
    let item: Item = Parser::new(value.as_bytes()).parse().ok()?;
    match item.bare_item {
        BareItem::String(text) => Some(text.as_str().to_owned()),
        _ => None,
    }
}

fn digests(value: &str) -> Option<Digests> {
    let mut headers = HeaderMap::new();
    headers.insert("content-digest", HeaderValue::from_str(value).ok()?);
    Digests::parse(&headers, DigestField::Content).ok()
}
