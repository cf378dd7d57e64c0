//! Identified → Attested: on `signed` routes, that exactly this request was signed by a key of the caller's client.

use std::sync::OnceLock;

use bytes::Bytes;
use countersign_jose::jwk::Jwk;
use countersign_signatures::digest::{DigestError, DigestField, Digests};
use countersign_signatures::{Algorithm, Component, Entry, ParameterName, Policy, PolicyError, Signatures};
use http::Method;
use http::header::CONTENT_ENCODING;

use super::evidence::{PaymentEvidence, find_key, payment_evidence};
use super::exchange::{Exchange, GoodSignature};
use super::identify::{Caller, Identified};
use super::journey::Services;
use super::limits::charge_caller;
use super::nonce::{Used, use_once};
use super::outbound_head::CLIENT;
use super::refusal::{Refused, malformed};
use crate::answer::{Body, Unread, read_whole};
use crate::base::limits::{CLOCK_AHEAD, NONCE_CHARACTERS, PROOF_AGE};
use crate::base::{Code, Fault};
use crate::config::Idempotency;
use crate::identity::Confirmation;
use crate::oauth::{Client, Profile};
use crate::transaction::idempotency::Key;

/// The tag of a client's request signature (FAPI 2.0 HTTP Signatures).
const REQUEST_TAG: &str = "fapi-2-request";
/// A second signature with any tag of this family sinks the request (FSIG-05).
const TAG_FAMILY: &str = "fapi-2-";

/// A request of which every byte that matters is vouched for. On routes that are not `signed` there was nothing to vouch.
pub struct Attested {
    exchange: Box<Exchange>,
    facts: Attestation,
}

/// What was established about the request's content.
pub(super) struct Attestation {
    pub(super) caller: Option<Caller>,
    pub(super) body: Bytes,
    /// SHA-256 of the body, once somebody has asked for it.
    pub(super) digest: OnceLock<[u8; 32]>,
    /// The client's second signature, where it sent one.
    pub(super) payment: Option<PaymentEvidence>,
    /// The client's signature, used up.
    pub(super) nonce: Option<Used>,
    pub(super) idempotency_key: Option<Key>,
}

impl Attestation {
    /// SHA-256 of the body. Nobody asks for that of a request without a caller.
    pub(super) fn content_digest(&self) -> [u8; 32] {
        *self.digest.get_or_init(|| countersign_jose::sha256(&self.body))
    }
}

impl Attested {
    /// The same request, looked up and found new.
    pub(super) const fn again(exchange: Box<Exchange>, facts: Attestation) -> Self {
        Self { exchange, facts }
    }

    pub(super) fn into_parts(self) -> (Box<Exchange>, Attestation) {
        (self.exchange, self.facts)
    }
}

/// Checks signature, digest, freshness, replay and the form of the idempotency key, in this order.
pub(super) async fn attest(identified: Identified, services: &Services) -> Result<Attested, Refused> {
    let (mut exchange, body, caller) = identified.into_parts();
    let who = caller
        .as_ref()
        .map(|caller| (caller.token.subject.clone(), caller.token.client.clone()));
    match attestation(&mut exchange, body, caller, services).await {
        Ok(facts) => Ok(Attested { exchange, facts }),
        // Too many requests are counted, not written down one by one: that would let a flood through to the store.
        Err(fault) => Err(Refused {
            exchange,
            caller: who.filter(|_| fault.code != Code::RateLimited),
            fault,
        }),
    }
}

async fn attestation(
    exchange: &mut Exchange,
    body: Body,
    caller: Option<Caller>,
    services: &Services,
) -> Result<Attestation, Fault> {
    let signed = exchange.answers_are_signed();
    if signed && exchange.head.headers.contains_key(CONTENT_ENCODING) {
        return Err(Code::ContentEncodingRefused.into());
    }
    let body = read_body(exchange, body).await?;
    // HTTP-08: a backend that expects no content there takes it for the next request (RFC 9110, section 9.3.1). The guard of
    // HTTP/1.1 refuses it by its head; HTTP/2 shows it only now.
    if !body.is_empty() && matches!(exchange.head.method, Method::GET | Method::HEAD) {
        return Err(malformed("GET and HEAD have no content."));
    }
    let mut facts = Attestation {
        caller,
        body,
        digest: OnceLock::new(),
        payment: None,
        nonce: None,
        idempotency_key: None,
    };
    if signed {
        check_signature(exchange, &mut facts, services).await?;
        // Where the signature was the proof, it is only now that the customer is known to be there (SCA-06).
        if let Some(caller) = facts.caller.as_ref().filter(|caller| !caller.proven) {
            charge_caller(exchange, caller, services)?;
            services.sessions.touch(&caller.token.session, exchange.at).await;
        }
    }
    let keyed = exchange
        .route
        .as_ref()
        .is_some_and(|route| route.route.idempotency == Idempotency::Required);
    if keyed {
        facts.idempotency_key = Some(Key::read(&exchange.head.headers)?);
    }
    Ok(facts)
}

async fn read_body(exchange: &Exchange, body: Body) -> Result<Bytes, Fault> {
    let limit = exchange.route.as_ref().map_or(0, |route| route.route.body_limit);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    read_whole(body, limit)
        .await
        .map_err(|error| Unread::of(&*error).fault().cause(error))
}

async fn check_signature(
    exchange: &mut Exchange,
    facts: &mut Attestation,
    services: &Services,
) -> Result<(), Fault> {
    let caller = facts.caller.as_ref().ok_or(Code::TokenMissing)?;
    let keys = Keys::of(caller, services).await?;
    let view = exchange.signed_view();
    let signatures = Signatures::parse(&exchange.head.headers).map_err(|error| match error {
        countersign_signatures::ParseError::TooManyLabels => malformed("There are more than 8 signatures."),
        other => Fault::new(Code::SignatureInvalid).cause(other),
    })?;
    let entry = select(&signatures)?;
    let invalid = |cause: &dyn std::fmt::Display| Fault::new(Code::SignatureInvalid).cause(cause);

    if !caller.proven && find_key(&keys.bound, entry).is_none() {
        return Err(Fault::new(Code::ProofMissing)
            .cause("signed by another key than the bound one, without a DPoP proof"));
    }
    let stale = check_policy(exchange, entry, !facts.body.is_empty())?;
    let key = find_key(keys.all(), entry).ok_or_else(|| invalid(&"keyid is not a key of this client"))?;
    entry
        .verify(&view, &key.key, Algorithm::of(&key.key))
        .map_err(|error| invalid(&error))?;
    let payment = payment_evidence(
        &signatures,
        &view,
        keys.all(),
        exchange.at,
        exchange.demands_payment_signature(),
    )?;
    let good_signature = GoodSignature {
        label: entry.label().to_owned(),
        members: entry.renamed(CLIENT).map_err(|error| invalid(&error))?,
    };
    check_digest(exchange, facts)?;
    if let Some(error) = stale {
        return Err(Fault::new(Code::Stale).cause(error));
    }
    facts.nonce = Some(use_once(exchange, entry, key, services).await?);
    facts.payment = payment;
    exchange.good_signature = Some(good_signature);
    Ok(())
}

/// The one signature of the family, chosen by its tag and never by its label (SIG-12, FSIG-05).
pub(super) fn select<'s, 'a>(signatures: &'s Signatures<'a>) -> Result<&'s Entry<'a>, Fault> {
    let mut family = signatures.with_tag_prefix(TAG_FAMILY);
    match (family.next(), family.next()) {
        (None, _) => Err(Code::SignatureMissing.into()),
        (Some(entry), None) if entry.tag() == Some(REQUEST_TAG) => Ok(entry),
        (Some(_), None) => Err(Code::SignatureMissing.into()),
        (Some(_), Some(_)) => {
            Err(Fault::new(Code::SignatureInvalid)
                .detail("There is more than one signature with a fapi-2 tag."))
        }
    }
}

/// Coverage, parameters and times. A fault in the times alone is handed back: signature and digest are judged first.
fn check_policy(
    exchange: &Exchange,
    entry: &Entry<'_>,
    has_body: bool,
) -> Result<Option<PolicyError>, Fault> {
    let mut components = vec![
        Component::derived("@method"),
        Component::derived("@target-uri"),
        Component::field("authorization"),
    ];
    let headers = &exchange.head.headers;
    if has_body {
        components.push(Component::field("content-type"));
    }
    // A missing Content-Digest is a fault of its own, found with the digest.
    let present = ["content-digest", "idempotency-key", "dpop"]
        .into_iter()
        .filter(|name| headers.contains_key(*name));
    components.extend(present.map(Component::field));
    let mut parameters = vec![ParameterName::Created, ParameterName::KeyId];
    if exchange.moves_money() {
        parameters.extend([ParameterName::Nonce, ParameterName::Expires]);
    }
    let policy = Policy {
        components: &components,
        parameters: &parameters,
        now: exchange.at.seconds(),
        max_age: PROOF_AGE.as_secs() as i64,
        max_ahead: CLOCK_AHEAD.as_secs() as i64,
        max_lifetime: PROOF_AGE.as_secs() as i64,
        nonce_min_len: NONCE_CHARACTERS,
    };
    match entry.check(&policy) {
        Ok(()) => Ok(None),
        Err(error) if error.is_stale() => Ok(Some(error)),
        Err(error) => {
            // The text names components and parameters of the client's own signature: it tells an honest caller what to
            // change and an attacker nothing.
            let detail = format!("The request's signature is not enough: {error}.");
            Err(Fault::new(Code::SignatureInvalid).detail(detail).cause(error))
        }
    }
}

fn check_digest(exchange: &Exchange, facts: &Attestation) -> Result<(), Fault> {
    let listed = match Digests::parse(&exchange.head.headers, DigestField::Content) {
        Ok(listed) => listed,
        Err(DigestError::Missing) if facts.body.is_empty() => return Ok(()),
        Err(error) => return Err(Fault::new(Code::DigestMissing).cause(error)),
    };
    let computed = match listed.sha512 {
        // The SHA-256 is there already: what the audit and the token carry.
        None => Digests {
            sha256: Some(facts.content_digest()),
            sha512: None,
        },
        Some(_) => {
            let mut hasher = listed.hasher();
            hasher.update(&facts.body);
            hasher.finish()
        }
    };
    listed
        .verify(&computed)
        .map_err(|error| Fault::new(Code::DigestMismatch).cause(error))
}

/// The keys a request of this caller may be signed with (SIG-13).
struct Keys<'c> {
    bound: Option<Jwk>,
    /// Whose registered keys count too. First-party apps have one key, the one made on the customer's device.
    registered: Option<&'c Client>,
}

impl<'c> Keys<'c> {
    async fn of(caller: &'c Caller, services: &Services) -> Result<Self, Fault> {
        let bound = match &caller.token.confirmation {
            Confirmation::Jkt(thumbprint) => services.bound_keys.find(thumbprint).await?.map(Jwk::new),
            Confirmation::X5t(_) => None,
        };
        let registered = Some(&*caller.client).filter(|client| client.profile != Profile::FirstParty);
        Ok(Self { bound, registered })
    }

    /// The bound key first.
    fn all(&self) -> impl Iterator<Item = &Jwk> {
        let registered = self.registered.into_iter().flat_map(Client::signature_keys);
        self.bound.iter().chain(registered)
    }
}
