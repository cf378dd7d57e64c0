//! What is signed: the client's request, the gate's request to the backend, the gate's answer, the Txn-Token.

use std::hint::black_box;
use std::rc::Rc;

use bytes::Bytes;
use countersign::keys::Purpose;
use countersign_jose::{jws, sha256};
use countersign_signatures::digest::{DigestAlgorithm, DigestField, Digests, content_digest};
use countersign_signatures::{Algorithm, Component, Members, Parameters, Response, Signatures, sign};
use http::{HeaderMap, HeaderValue, Request};
use serde_json::{Value, json};

use super::Step;
use crate::Outcome;
use crate::request::Kind;
use crate::workbench::Workbench;

/// The label of the client's signature.
const CLIENT_LABEL: &str = "request";

/// The label under which the gate passes it on.
const FORWARDED_LABEL: &str = "client";

/// A payment as the gate has it.
struct Payment {
    bench: Rc<Workbench>,
    request: Request<()>,
    body: Bytes,
    authority: String,
    /// The client's signature, as the gate passes it on.
    members: Members,
}

impl Payment {
    fn view<'a>(&'a self, headers: &'a HeaderMap) -> countersign_signatures::Request<'a> {
        countersign_signatures::Request {
            method: "POST",
            scheme: "https",
            authority: &self.authority,
            path: "/payments",
            query: None,
            headers,
            trailers: None,
        }
    }

    /// As the gate signs what goes to a backend.
    fn forward(&self, headers: &HeaderMap) -> Outcome<()> {
        let key = self.bench.keys.signing(Purpose::Message).ok_or("a message key")?;
        let names = [
            "txn-token",
            "forwarded",
            "content-digest",
            "content-type",
            "idempotency-key",
        ];
        let derived = ["@method", "@authority", "@path", "@query"].map(Component::derived);
        let fields = names.map(Component::field);
        let [signature, input] =
            ["signature", "signature-input"].map(|name| Component::field(name).key(FORWARDED_LABEL));
        let client = [
            signature.known(self.members.signature_value()),
            input.known(self.members.input_value()),
        ];
        let components: Vec<_> = derived.into_iter().chain(fields).chain(client).collect();
        let now = self.bench.now.seconds();
        let parameters = Parameters {
            created: Some(now),
            expires: Some(now + 60),
            nonce: Some(self.bench.entropy.token(16).into()),
            keyid: Some(key.kid.as_str().into()),
            tag: Some("countersign-forward".into()),
            ..Parameters::default()
        };
        let view = self.view(headers);
        let signed = sign(
            &view,
            "countersign",
            &components,
            &parameters,
            &key.key,
            Algorithm::Ed25519,
        )?;
        let headers = &mut HeaderMap::with_capacity(2);
        signed.members.append_beside(&[FORWARDED_LABEL], headers)?;
        black_box(headers);
        Ok(())
    }

    /// As the gate signs an answer, which it binds to the request's own signature (FSIG-08).
    fn answer(&self) -> Outcome<()> {
        let key = self.bench.keys.signing(Purpose::Message).ok_or("a message key")?;
        let mut headers = HeaderMap::new();
        headers.insert(
            "content-digest",
            content_digest(&self.body, DigestAlgorithm::Sha256),
        );
        let request = self.view(self.request.headers());
        let [signature, input] =
            ["signature", "signature-input"].map(|name| Component::field(name).key(CLIENT_LABEL).req());
        let components = [
            Component::derived("@status"),
            Component::field("content-digest"),
            Component::derived("@method").req(),
            Component::derived("@target-uri").req(),
            Component::field("content-digest").req(),
            signature.known(self.members.signature_value()),
            input.known(self.members.input_value()),
        ];
        let parameters = Parameters {
            created: Some(self.bench.now.seconds()),
            keyid: Some(key.kid.as_str().into()),
            tag: Some("fapi-2-response".into()),
            ..Parameters::default()
        };
        let signed = {
            let response = Response {
                status: 201,
                headers: &headers,
                trailers: None,
                request: Some(&request),
            };
            sign(
                &response,
                "countersign",
                &components,
                &parameters,
                &key.key,
                Algorithm::Ed25519,
            )?
        };
        signed.members.append_beside(&[], &mut headers)?;
        black_box(headers);
        Ok(())
    }
}

pub(super) fn steps(bench: &Rc<Workbench>) -> Outcome<Vec<Step>> {
    let (request, body) = bench.request(Kind::Payment)?;
    let members = {
        let signatures = Signatures::parse(request.headers())?;
        let entry = signatures.by_label(CLIENT_LABEL).ok_or("a signature")?;
        entry.renamed(FORWARDED_LABEL)?
    };
    let payment = Rc::new(Payment {
        bench: Rc::clone(bench),
        request,
        body,
        authority: bench.home.authority(),
        members,
    });
    let key = bench.caller()?.key.public_key().clone();
    let mut forwarded = payment.request.headers().clone();
    let claims = claims(bench);
    let txn = txn_token(bench, &claims)?;
    forwarded.insert("txn-token", HeaderValue::try_from(txn)?);
    forwarded.insert(
        "forwarded",
        HeaderValue::from_static("host=\"localhost\";proto=https"),
    );
    let [parsed, based, verified, digested, outward, answered] = std::array::from_fn(|_| Rc::clone(&payment));
    let issuing = Rc::clone(bench);
    Ok(vec![
        Step::stage("signatures parsed", 1.0, move || {
            black_box(Signatures::parse(parsed.request.headers())?);
            Ok(())
        }),
        Step::stage("signature base built", 0.0, move || {
            let headers = based.request.headers();
            let signatures = Signatures::parse(headers)?;
            let entry = signatures.by_label(CLIENT_LABEL).ok_or("a signature")?;
            black_box(entry.base(&based.view(headers))?);
            Ok(())
        }),
        Step::stage("signature verified, its base included", 1.0, move || {
            let headers = verified.request.headers();
            let signatures = Signatures::parse(headers)?;
            let entry = signatures.by_label(CLIENT_LABEL).ok_or("a signature")?;
            Ok(entry.verify(&verified.view(headers), &key, Algorithm::of(&key))?)
        }),
        Step::stage("content digest computed and compared", 1.0, move || {
            let listed = Digests::parse(digested.request.headers(), DigestField::Content)?;
            let computed = Digests {
                sha256: Some(sha256(&digested.body)),
                sha512: None,
            };
            Ok(listed.verify(&computed)?)
        }),
        Step::stage("Txn-Token issued", 1.0, move || {
            black_box(txn_token(&issuing, &claims)?);
            Ok(())
        }),
        Step::stage("request to the backend signed", 1.0, move || {
            outward.forward(&forwarded)
        }),
        Step::stage("answer signed", 1.0, move || answered.answer()),
    ])
}

/// A Txn-Token.
fn txn_token(bench: &Workbench, claims: &Value) -> Outcome<String> {
    let key = bench.keys.signing(Purpose::Txn).ok_or("a Txn-Token key")?;
    Ok(jws::sign_with_kid("txntoken+jwt", &key.kid, claims, &key.key)?)
}

/// What the gate says in one. The step is the signing; making the claims, three texts of which are new, is not in it.
fn claims(bench: &Workbench) -> Value {
    let digest = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
    json!({
        "iss": bench.home.url(), "aud": "bank.internal", "iat": bench.now.seconds(), "exp": bench.now.seconds() + 60,
        "txn": "0198c0f1-2f5a-7d4c-9a6e-0c8e1f3a5b7d", "sub": digest, "req_wl": bench.home.url(), "scope": "payments",
        "tctx": { "upstream": "bank", "method": "POST", "path": "/payments", "content_digest": digest, "intent_digest": digest,
            "intent": { "type": "payment", "amount": "12.50", "currency": "EUR", "payee": "BE68539007547034",
                "payee_name": "Corner Bookshop", "reference": "Order 17" },
            "exemption": "trusted-payee", "policy_version": digest, "idempotency_key": digest },
        "rctx": { "client_id": "bench", "acr": "urn:countersign:acr:2", "amr": ["pwd", "otp", "mfa"],
            "auth_time": bench.now.seconds(), "addr": digest },
    })
}
