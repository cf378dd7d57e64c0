//! What an admin sends: a small JSON object with known members only.

use axum::extract::{FromRequest, Request};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;

use super::guard::Refused;
use crate::answer::{Unread, read_whole};
use crate::base::limits::ADMIN_BODY_BYTES;
use crate::base::{Code, Fault};

/// The body of a request, read as `T`. No body at all reads like `{}`.
pub(super) struct Order<T>(pub(super) T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Order<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refused> {
        let (parts, body) = request.into_parts();
        let bytes = read_whole(body, ADMIN_BODY_BYTES)
            .await
            .map_err(|error| unreadable(&*error))?;
        if bytes.is_empty() {
            return Ok(Self(parse(b"{}")?));
        }
        require_json(&parts.headers)?;
        Ok(Self(parse(&bytes)?))
    }
}

fn unreadable(error: &(dyn std::error::Error + 'static)) -> Fault {
    match Unread::of(error) {
        Unread::TooLarge => {
            Fault::new(Code::BodyTooLarge).detail(format!("Send at most {ADMIN_BODY_BYTES} bytes."))
        }
        other => other.fault().cause(error),
    }
}

fn require_json(headers: &HeaderMap) -> Result<(), Fault> {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next()).map(str::trim);
    if essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) {
        Ok(())
    } else {
        Err(Fault::new(Code::RequestMalformed).detail("Send the body with Content-Type: application/json."))
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Fault> {
    let refused = |cause: String| {
        // The message names members and places, and admins are known; it holds nothing but what they sent.
        Fault::new(Code::RequestMalformed).detail(format!("The body cannot be read: {cause}."))
    };
    // An array would be taken for an object with its members in order.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(refused("it is not an object".to_owned()));
    }
    serde_json::from_slice(bytes).map_err(|error| refused(error.to_string()))
}
