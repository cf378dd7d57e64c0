//! Headers every answer carries (HDR-04).

use http::header::{REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::base::RequestId;

const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// Adds the request's name and the headers that keep browsers from being turned against their users. They replace what
/// a backend may have said on the same matter.
pub fn add_security_headers(headers: &mut HeaderMap, request: RequestId) {
    if let Ok(id) = HeaderValue::from_str(request.write(&mut [0; RequestId::CHARACTERS])) {
        headers.insert(REQUEST_ID, id);
    }
    // Two years, as Mozilla's modern profile asks (TLS-02).
    headers.insert(
        STRICT_TRANSPORT_SECURITY,
        HeaderValue::from_static("max-age=63072000"),
    );
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}
