//! The merchant: takes orders.

use countersign_verify::Verified;
use http::{Method, StatusCode};
use serde_json::json;

use super::backend::{Answer, Business, Received, refusal};

/// The merchant.
pub(super) struct Merchant;

impl Business for Merchant {
    fn answer(&self, request: &Received<'_>, verified: &Verified) -> Answer {
        match (&request.head.method, request.head.uri.path()) {
            (&Method::POST, "/orders") => {
                let order =
                    json!({ "order_id": format!("order-{}", verified.transaction), "status": "accepted" });
                (StatusCode::CREATED, order)
            }
            _ => refusal(StatusCode::NOT_FOUND, "there is no such resource"),
        }
    }
}
