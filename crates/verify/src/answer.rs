//! Signing this backend's answers, so that the gateway knows that they are answers to exactly its requests.
//!
//! The signature (RFC 9421) has the tag `countersign-answer` and covers
//! `"@status" "content-digest" "@method";req "@path";req "signature";req;key="countersign"`, and `"content-type"`
//! where there is one, with `created` and `keyid`. The gateway knows the key from `answer_keys` of the `[[upstream]]`.

use countersign_jose::PrivateKey;
use countersign_jose::jwk::Jwk;
use countersign_signatures::digest::{CONTENT_DIGEST, DigestAlgorithm, content_digest};
use countersign_signatures::{
    Algorithm, AppendError, Component, Parameters, Request, Response, SignError, sign,
};
use http::header::CONTENT_TYPE;
use http::response::Parts;

use crate::gateway_signature::GATEWAY_LABEL;

/// What the signature of an answer is for.
pub const ANSWER_TAG: &str = "countersign-answer";
/// The label it stands under.
pub const ANSWER_LABEL: &str = "answer";

/// Why an answer could not be signed. Do not send it unsigned instead: answer 500.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The signature could not be made; most often the request carries no signature of the gateway.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The signature could not be added to the answer.
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// Signs answers with the backend's own key.
#[derive(Debug)]
pub struct AnswerSigner {
    keyid: String,
    key: PrivateKey,
}

impl AnswerSigner {
    /// Signs with `key`, which the gateway knows as `keyid`.
    #[must_use]
    pub fn new(keyid: impl Into<String>, key: PrivateKey) -> Self {
        Self {
            keyid: keyid.into(),
            key,
        }
    }

    /// The public key as the gateway's `answer_keys` wants it.
    #[must_use]
    pub fn jwk(&self) -> Jwk {
        Jwk {
            kid: Some(self.keyid.clone()),
            ..Jwk::new(self.key.public_key().clone())
        }
    }

    /// Signs the answer `answer` with `body` to `request`; sets `Content-Digest`, also over an empty body. `now` is
    /// in seconds since 1970.
    ///
    /// # Errors
    /// See [`AnswerError`].
    pub fn sign_answer(
        &self,
        request: &Request<'_>,
        answer: &mut Parts,
        body: &[u8],
        now: i64,
    ) -> Result<(), AnswerError> {
        let digest = content_digest(body, DigestAlgorithm::Sha256);
        answer.headers.insert(CONTENT_DIGEST, digest);
        let response = Response {
            status: answer.status.as_u16(),
            headers: &answer.headers,
            trailers: None,
            request: Some(request),
        };
        let mut components = vec![
            Component::derived("@status"),
            Component::field("content-digest"),
            Component::derived("@method").req(),
            Component::derived("@path").req(),
            Component::field("signature").req().key(GATEWAY_LABEL),
        ];
        if answer.headers.contains_key(CONTENT_TYPE) {
            components.push(Component::field("content-type"));
        }
        let parameters = Parameters {
            created: Some(now),
            keyid: Some(self.keyid.as_str().into()),
            tag: Some(ANSWER_TAG.into()),
            ..Parameters::default()
        };
        let algorithm = Algorithm::of(self.key.public_key());
        let signed = sign(
            &response,
            ANSWER_LABEL,
            &components,
            &parameters,
            &self.key,
            algorithm,
        )?;
        signed.members.append_to(&mut answer.headers)?;
        Ok(())
    }
}
