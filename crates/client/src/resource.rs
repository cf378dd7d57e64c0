//! Requests to routes behind the gateway: with proof of the key (`proof`), or signed by it (`signed`).

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Uri};

use crate::answer_signature::{self, AnswerFault};
use crate::client::{self, Client};
use crate::dpop::{DPOP, wants_nonce};
use crate::error::Error;
use crate::gateway_keys;
use crate::problem::Problem;
use crate::request_signature::{self, IDEMPOTENCY_KEY, Moment};
use crate::secret::Secret;
use crate::session::Session;
use crate::transport::Answer;
use crate::url;

/// A request to a `signed` route. The same value can be sent again: the parts that count stay the same byte for
/// byte, the signatures are made afresh.
#[derive(Clone, Debug)]
pub struct SignedRequest {
    /// The method.
    pub method: Method,
    /// The absolute URL.
    pub url: String,
    /// The media type of the body.
    pub content_type: String,
    /// The body; empty for none.
    pub body: Bytes,
    /// The idempotency key, without quotes; routes that move money want one.
    pub idempotency_key: Option<String>,
    /// Whether to add the client's own signature over the payment, which backends verify by themselves; needs a body
    /// and an idempotency key.
    pub payment_evidence: bool,
}

impl Client {
    /// Reads `url` with the session's token and a proof of the key, as `proof` routes want it.
    ///
    /// # Errors
    /// Errors of the way there; a refusal is an answer.
    pub async fn get(&self, session: &Session, url: &str) -> Result<Answer, Error> {
        let url = url::parse(url)?;
        let answer = self.send(self.proof_request(session, &url)?).await?;
        if wants_nonce(&answer) && self.nonces.of(&url).is_some() {
            return self.send(self.proof_request(session, &url)?).await;
        }
        Ok(answer)
    }

    /// Sends a signed request, and verifies the gateway's signature under the answer.
    ///
    /// # Errors
    /// [`Error::AnswerNotTrusted`] when the answer, refusals included, is not signed by the gateway; errors of the
    /// way there. After [`Error::NoAnswer`] send the same request again: with an idempotency key it is executed at
    /// most once.
    pub async fn send_signed(&self, session: &Session, request: &SignedRequest) -> Result<Answer, Error> {
        let signed = self.signed_request(session, request, false)?;
        let (signed, answer) = match self.send(signed.clone()).await? {
            // A gateway may demand nonces everywhere; then a proof comes along, which the signature covers too.
            answer if wants_nonce(&answer) && self.nonces.of(signed.uri()).is_some() => {
                let again = self.signed_request(session, request, true)?;
                (again.clone(), self.send(again).await?)
            }
            answer => (signed, answer),
        };
        self.verify_answer(&signed, &answer).await?;
        Ok(answer)
    }

    fn proof_request(&self, session: &Session, url: &Uri) -> Result<Request<Bytes>, Error> {
        let mut request = client::get(url.clone())?;
        let proof = self.proof(&Method::GET, url, Some(&session.access_token))?;
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, authorization(&session.access_token)?);
        headers.insert(DPOP, sensitive(&proof)?);
        Ok(request)
    }

    /// The request with its signatures.
    fn signed_request(
        &self,
        session: &Session,
        request: &SignedRequest,
        with_proof: bool,
    ) -> Result<Request<Bytes>, Error> {
        let url = url::parse(&request.url)?;
        let mut built = Request::new(request.body.clone());
        *built.method_mut() = request.method.clone();
        let headers = built.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(AUTHORIZATION, authorization(&session.access_token)?);
        if !request.body.is_empty() {
            let value = HeaderValue::from_str(&request.content_type);
            headers.insert(
                CONTENT_TYPE,
                value.map_err(|error| Error::Request(error.to_string()))?,
            );
        }
        if let Some(key) = &request.idempotency_key {
            headers.insert(IDEMPOTENCY_KEY, request_signature::idempotency_key(key)?);
        }
        if with_proof {
            let proof = self.proof(&request.method, &url, Some(&session.access_token))?;
            headers.insert(DPOP, sensitive(&proof)?);
        }
        *built.uri_mut() = url;
        self.sign(&mut built, request.payment_evidence)?;
        Ok(built)
    }

    fn sign(&self, request: &mut Request<Bytes>, payment_evidence: bool) -> Result<(), Error> {
        let now = self.clock.now();
        let nonce = self.nonce()?;
        request_signature::sign_request(request, &self.key, Moment { now, nonce: &nonce })?;
        if payment_evidence {
            let nonce = self.nonce()?;
            request_signature::sign_payment(request, &self.key, Moment { now, nonce: &nonce })?;
        }
        Ok(())
    }

    async fn verify_answer(&self, request: &Request<Bytes>, answer: &Answer) -> Result<(), Error> {
        let not_trusted = |fault| Error::AnswerNotTrusted {
            status: answer.status.as_u16(),
            claims: Problem::of(answer).map(|problem| problem.code().to_owned()),
            fault,
        };
        let keyid = answer_signature::keyid(answer).map_err(not_trusted)?;
        if self.gateway_keys.get(&keyid).is_none() {
            let uri = url::parse(&format!("{}{}", self.gateway, gateway_keys::PATH))?;
            self.gateway_keys.learn(&self.send(client::get(uri)?).await?)?;
        }
        let key = self
            .gateway_keys
            .get(&keyid)
            .ok_or_else(|| not_trusted(AnswerFault::KeyUnknown(keyid.chars().take(64).collect())))?;
        answer_signature::verify(&request_signature::view(request), answer, &key, self.clock.now())
            .map_err(not_trusted)
    }
}

fn authorization(token: &Secret) -> Result<HeaderValue, Error> {
    sensitive(&format!("DPoP {}", token.expose()))
}

/// A value that HTTP libraries do not print and do not put into compression tables.
fn sensitive(text: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(text).map_err(|error| Error::Request(error.to_string()))?;
    value.set_sensitive(true);
    Ok(value)
}
