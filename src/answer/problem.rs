//! A fault as `application/problem+json` (RFC 9457), with the headers that tell what would cure it.

use std::time::Duration;

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Map, Value};

use super::Body;
use crate::base::fault::Cure;
use crate::base::{Code, Fault, RequestId};

/// Algorithms a DPoP proof may be signed with (RFC 9449, section 7.1).
const DPOP_ALGORITHMS: &str = "ES256 PS256 EdDSA";
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");
const ACCEPT_SIGNATURE: HeaderName = HeaderName::from_static("accept-signature");

/// The answer to a request that was refused.
#[must_use]
pub fn problem(fault: &Fault, request: RequestId) -> Response<Body> {
    let mut response = Response::new(Body::from(document(fault, request).to_string()));
    *response.status_mut() =
        StatusCode::from_u16(fault.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(wait) = fault.retry_after {
        insert(headers, RETRY_AFTER, &whole_seconds(wait));
    }
    if fault.code.status() == 401 || matches!(fault.cure, Some(Cure::Scope(_))) {
        insert(headers, WWW_AUTHENTICATE, &challenge(fault));
    }
    if matches!(fault.code, Code::SignatureMissing | Code::SignatureInvalid) {
        // RFC 9421, section 5.1: what a good signature has to cover.
        let wanted = r#"sig=("@method" "@target-uri" "authorization" "content-digest" "content-type");created;keyid;tag="fapi-2-request""#;
        headers.insert(ACCEPT_SIGNATURE, HeaderValue::from_static(wanted));
    }
    match &fault.cure {
        Some(Cure::DpopNonce(nonce)) => insert(headers, DPOP_NONCE, nonce),
        Some(Cure::Allow(methods)) => insert(headers, ALLOW, methods),
        _ => {}
    }
    response
}

/// A wait as `Retry-After` says it (RFC 9110, section 10.2.3). Rounded up: who comes back then must not be early.
pub(super) fn whole_seconds(wait: Duration) -> String {
    let rest = u64::from(wait.subsec_nanos() > 0);
    wait.as_secs().saturating_add(rest).max(1).to_string()
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn document(fault: &Fault, request: RequestId) -> Value {
    let detail = fault.detail.as_deref().unwrap_or_else(|| fault.code.advice());
    let mut members = Map::new();
    members.insert("type".to_owned(), fault.code.problem_type().into());
    members.insert("title".to_owned(), fault.code.title().into());
    members.insert("status".to_owned(), fault.code.status().into());
    members.insert("detail".to_owned(), detail.into());
    members.insert("instance".to_owned(), request.to_string().into());
    match &fault.cure {
        Some(Cure::Approval(approval)) => {
            members.insert("approval".to_owned(), approval.as_ref().clone());
        }
        Some(Cure::First(key)) => {
            members.insert("first".to_owned(), key.as_str().into());
        }
        _ => {}
    }
    Value::Object(members)
}

/// The `WWW-Authenticate` challenge (RFC 6750 section 3, RFC 9449 section 7.1, RFC 9470 section 3).
fn challenge(fault: &Fault) -> String {
    let mut parts = Vec::new();
    if let Some(error) = challenge_error(fault.code) {
        parts.push(format!("error=\"{error}\""));
    }
    match &fault.cure {
        Some(Cure::Scope(scope)) => parts.push(format!("scope=\"{scope}\"")),
        Some(Cure::Login { acr, max_age_seconds }) => {
            parts.extend(acr.map(|acr| format!("acr_values=\"urn:countersign:acr:{acr}\"")));
            parts.extend(max_age_seconds.map(|age| format!("max_age=\"{age}\"")));
        }
        _ => {}
    }
    parts.push(format!("algs=\"{DPOP_ALGORITHMS}\""));
    format!("DPoP {}", parts.join(", "))
}

/// The `error` of the challenge; none when credentials were not given at all (RFC 6750, section 3.1).
const fn challenge_error(code: Code) -> Option<&'static str> {
    match code {
        Code::TokenMissing => None,
        Code::TokenInvalid => Some("invalid_token"),
        Code::NonceRequired => Some("use_dpop_nonce"),
        Code::ScopeInsufficient => Some("insufficient_scope"),
        Code::LoginRequired => Some("insufficient_user_authentication"),
        Code::ApprovalRequired => Some("approval_required"),
        Code::SignatureMissing | Code::SignatureInvalid => Some("invalid_request"),
        _ => Some("invalid_dpop_proof"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Entropy, SystemEntropy, Timestamp};

    fn rendered(fault: &Fault) -> Response<Body> {
        let entropy = SystemEntropy::default();
        problem(
            fault,
            RequestId::new(Timestamp::from_seconds(1), &entropy as &dyn Entropy),
        )
    }

    #[test]
    fn every_401_carries_a_challenge() {
        for code in Code::ALL.iter().filter(|code| code.status() == 401) {
            let response = rendered(&Fault::new(*code));
            assert!(
                response.headers().contains_key(WWW_AUTHENTICATE),
                "{}",
                code.name()
            );
        }
    }

    #[test]
    fn nobody_is_told_to_come_back_too_early() {
        for (millis, said) in [(1, "1"), (1000, "1"), (1001, "2"), (59_999, "60")] {
            let fault = Fault::new(Code::RateLimited).retry_after(Duration::from_millis(millis));
            assert_eq!(rendered(&fault).headers()[RETRY_AFTER], said);
        }
    }

    /// STEP-01
    #[test]
    fn a_step_up_names_the_class_that_suffices() {
        let cure = Cure::Login {
            acr: Some(2),
            max_age_seconds: Some(300),
        };
        let response = rendered(&Fault::new(Code::LoginRequired).cure(cure));
        assert_eq!(
            response.headers()[WWW_AUTHENTICATE],
            "DPoP error=\"insufficient_user_authentication\", acr_values=\"urn:countersign:acr:2\", max_age=\"300\", \
             algs=\"ES256 PS256 EdDSA\""
        );
    }

    #[tokio::test]
    async fn what_is_for_the_log_stays_out_of_the_answer() {
        let response = rendered(&Fault::new(Code::TokenInvalid).cause("kid 7 is unknown"));
        let body = http_body_util::BodyExt::collect(response.into_body())
            .await
            .unwrap()
            .to_bytes();
        let text = std::str::from_utf8(&body).unwrap();
        assert!(
            !text.contains("kid 7") && text.contains("urn:countersign:problem:token-invalid"),
            "{text}"
        );
    }
}
