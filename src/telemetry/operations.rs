//! The routes of the operations listener: `/metrics`, `/livez`, `/readyz`, over plain HTTP on loopback.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use super::{Health, Metrics};

/// The routes. `/livez` answers while the runtime turns at all; `/readyz` answers 503 unless requests should be sent here.
pub fn operations(metrics: Metrics, health: Arc<Health>) -> Router {
    Router::new()
        .route("/metrics", get(render).with_state(metrics))
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readiness).with_state(health))
}

async fn render(State(metrics): State<Metrics>) -> Response {
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        metrics.render(),
    )
        .into_response()
}

async fn readiness(State(health): State<Arc<Health>>) -> Response {
    let readiness = health.readiness().await;
    let status = if readiness.is_ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, [(CACHE_CONTROL, "no-store")], axum::Json(readiness)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tower::ServiceExt as _;

    async fn get_path(router: &Router, path: &str) -> (StatusCode, String) {
        let request = http::Request::get(path).body(axum::body::Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn ready_until_the_drain_begins_and_alive_all_the_time() {
        let health = Arc::new(Health::new(Vec::new(), true));
        let router = operations(Metrics::default(), Arc::clone(&health));
        let (status, body) = get_path(&router, "/readyz").await;
        assert_eq!(status, StatusCode::OK);
        assert!(body.contains(r#""development":true"#), "{body}");
        health.drain();
        assert_eq!(
            get_path(&router, "/readyz").await.0,
            StatusCode::SERVICE_UNAVAILABLE
        );
        assert_eq!(
            get_path(&router, "/livez").await,
            (StatusCode::OK, "ok\n".to_owned())
        );
        assert!(get_path(&router, "/metrics").await.1.contains("# HELP"));
    }

    #[tokio::test]
    async fn there_is_nothing_else() {
        let router = operations(Metrics::default(), Arc::new(Health::new(Vec::new(), false)));
        for path in ["/", "/admin", "/metrics/"] {
            assert_eq!(get_path(&router, path).await.0, StatusCode::NOT_FOUND, "{path}");
        }
    }
}
