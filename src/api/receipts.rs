//! `GET /receipts/{id}`: a customer's receipt, as a file to keep or as a page to print.
//!
//! The gate has identified the caller before a request comes here, and hands over a [`Visitor`].

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, Path, State};
use axum::routing::get;
use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, RETRY_AFTER, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use serde_json::json;

use crate::answer::{Body, problem};
use crate::audit::Receipts;
use crate::audit::receipt::Found;
use crate::base::fault::Cure;
use crate::base::{Code, Fault, RequestId, TransactionId};
use crate::gate::Visitor;

mod page;

const PREFIX: &str = "/receipts/";
/// Longest name of a receipt: 128 bits as base64url, and room for longer ones.
const ID_BYTES: usize = 64;
/// Seconds after which to ask again for a receipt that is not ready: checkpoints are signed five times a second.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("1");

/// The name under which policies judge the request, when it is for a receipt.
pub fn resource(head: &Parts) -> Option<&'static str> {
    let reads = matches!(head.method, Method::GET | Method::HEAD);
    let id = head.uri.path().strip_prefix(PREFIX)?;
    (reads && !id.is_empty()).then_some("receipts")
}

/// The resource.
pub fn router(receipts: Arc<Receipts>) -> Router {
    Router::new()
        .route("/receipts/{id}", get(show).fallback(not_get))
        .with_state(receipts)
}

async fn show(
    State(receipts): State<Arc<Receipts>>,
    Path(id): Path<String>,
    Extension(request): Extension<RequestId>,
    visitor: Option<Extension<Visitor>>,
    headers: HeaderMap,
) -> Response<Body> {
    let Some(Extension(visitor)) = visitor else {
        return problem(&Code::TokenMissing.into(), request);
    };
    if id.len() > ID_BYTES {
        return problem(&Code::RouteUnknown.into(), request);
    }
    let id = TransactionId::new(id);
    let as_page = prefers_page(&headers);
    match receipts.find(visitor.customer(), &id).await {
        Ok(Found::Receipt(receipt)) if as_page => html(StatusCode::OK, page::receipt(receipt.members())),
        Ok(Found::Receipt(receipt)) => file(&id, receipt.to_text()),
        Ok(Found::NotYet) if as_page => wait(html(StatusCode::ACCEPTED, page::not_yet(id.as_str()))),
        Ok(Found::NotYet) => wait(not_yet(&id)),
        Ok(Found::Nothing) => problem(&Code::RouteUnknown.into(), request),
        Err(error) => {
            let fault = Fault::from(error);
            tracing::error!(%request, %fault, "a receipt could not be made");
            problem(&fault, request)
        }
    }
}

async fn not_get(Extension(request): Extension<RequestId>) -> Response<Body> {
    let fault = Fault::new(Code::MethodNotAllowed).cure(Cure::Allow("GET, HEAD".to_owned()));
    problem(&fault, request)
}

fn file(id: &TransactionId, text: String) -> Response<Body> {
    let mut response = answer(StatusCode::OK, "application/json", text);
    let name = format!("inline; filename=\"receipt-{id}.json\"");
    insert(&mut response, CONTENT_DISPOSITION, HeaderValue::from_str(&name));
    response
}

fn not_yet(id: &TransactionId) -> Response<Body> {
    let document = json!({ "id": id, "status": "pending" });
    answer(StatusCode::ACCEPTED, "application/json", document.to_string())
}

fn html(status: StatusCode, page: Result<String, askama::Error>) -> Response<Body> {
    match page {
        Ok(page) => {
            let mut response = answer(status, "text/html; charset=utf-8", page);
            let policy = HeaderValue::from_str(&page::content_security_policy());
            insert(&mut response, CONTENT_SECURITY_POLICY, policy);
            response
        }
        // Writing into memory cannot fail, and nothing else can here.
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            answer(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", String::new())
        }
    }
}

fn wait(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(RETRY_AFTER, ASK_AGAIN);
    response
}

fn answer(status: StatusCode, media_type: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(VARY, HeaderValue::from_static("accept"));
    response
}

fn insert<E>(response: &mut Response<Body>, name: HeaderName, value: Result<HeaderValue, E>) {
    if let Ok(value) = value {
        response.headers_mut().insert(name, value);
    }
}

/// Whether the caller would rather have a page (RFC 9110, section 12.5.1). Without a preference it is the file.
fn prefers_page(headers: &HeaderMap) -> bool {
    let values = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let ranges: Vec<(String, f32)> = values.flat_map(|value| value.split(',')).map(range).collect();
    let quality = |name: &str| {
        let named = ranges.iter().find(|(range, _)| range == name);
        named.map(|(_, quality)| *quality)
    };
    let page = quality("text/html").unwrap_or(0.0);
    let file = quality("application/json");
    page > 0.0 && file.is_none_or(|file| page > file) && page >= quality("*/*").unwrap_or(0.0)
}

fn range(text: &str) -> (String, f32) {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    let quality = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok());
    (name, quality.unwrap_or(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(accept: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_str(accept).unwrap());
        prefers_page(&headers)
    }

    #[test]
    fn browsers_get_the_page_and_programs_the_file() {
        for browser in [
            "text/html",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "application/json;q=0.5, text/html",
        ] {
            assert!(page(browser), "{browser}");
        }
        for program in [
            "*/*",
            "application/json",
            "application/json, text/html",
            "text/html;q=0.1, */*",
            "text/html;q=0",
            "",
        ] {
            assert!(!page(program), "{program}");
        }
        assert!(!prefers_page(&HeaderMap::new()));
    }

    #[test]
    fn only_reading_one_receipt_is_about_a_customer() {
        let head = |method: &str, path: &str| {
            let request = http::Request::builder().method(method).uri(path);
            request.body(()).unwrap().into_parts().0
        };
        assert_eq!(resource(&head("GET", "/receipts/a")), Some("receipts"));
        assert_eq!(resource(&head("HEAD", "/receipts/a")), Some("receipts"));
        for (method, path) in [
            ("POST", "/receipts/a"),
            ("GET", "/receipts/"),
            ("GET", "/receipts"),
            ("GET", "/log/x"),
        ] {
            assert_eq!(resource(&head(method, path)), None, "{method} {path}");
        }
    }
}
