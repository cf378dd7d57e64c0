//! A backend's answer as it is kept, sealed, for whoever asks again with the same key.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

use crate::base::{Code, Entropy, Fault, TransactionId};
use crate::keys::KeySet;
use crate::upstream::Answer;

/// A kept answer.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kept {
    /// All of it.
    Whole(KeptAnswer),
    /// It was longer than the route's limit: its status, and its digest where it came to its end.
    TooLarge { status: u16, digest: Option<String> },
}

#[derive(Serialize, Deserialize)]
pub(super) struct KeptAnswer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// Seals an answer for the record. Without a data key nothing can be kept; that the backend answered is known all the same.
pub(super) fn keep(
    kept: &Kept,
    transaction: &TransactionId,
    keys: &KeySet,
    entropy: &dyn Entropy,
) -> Vec<u8> {
    let text = serde_json::to_vec(kept).unwrap_or_default();
    keys.seal(&place(transaction), &text, entropy).unwrap_or_default()
}

/// Opens a kept answer.
pub(super) fn open(sealed: &[u8], transaction: &TransactionId, keys: &KeySet) -> Result<Answer, Fault> {
    let unreadable = || Fault::new(Code::StoreUnavailable).cause("the kept answer cannot be opened");
    let text = keys.open(&place(transaction), sealed).map_err(|_| unreadable())?;
    match serde_json::from_slice(&text).map_err(|_| unreadable())? {
        Kept::Whole(answer) => answer.into_answer().ok_or_else(unreadable),
        Kept::TooLarge { .. } => Err(Code::AnswerTooLarge.into()),
    }
}

impl Kept {
    /// All of `answer`.
    pub(super) fn whole(answer: &Answer) -> Self {
        let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
        Self::Whole(KeptAnswer {
            status: answer.status.as_u16(),
            headers: answer
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), text(value)))
                .collect(),
            body: countersign_jose::base64url(&answer.body),
        })
    }

    /// That there was an answer, too large to be kept.
    pub(super) fn too_large(status: StatusCode, digest: Option<[u8; 32]>) -> Self {
        Self::TooLarge {
            status: status.as_u16(),
            digest: digest.map(countersign_jose::base64url),
        }
    }
}

impl KeptAnswer {
    fn into_answer(self) -> Option<Answer> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let name = http::HeaderName::try_from(name.as_str()).ok()?;
            headers.append(name, HeaderValue::from_str(value).ok()?);
        }
        Some(Answer {
            status: StatusCode::from_u16(self.status).ok()?,
            headers,
            body: Bytes::from(countersign_jose::from_base64url(&self.body)?),
        })
    }
}

/// Binds a kept answer to its transaction.
fn place(transaction: &TransactionId) -> String {
    format!("answer/{transaction}")
}
