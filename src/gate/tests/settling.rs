//! What is sent about a payment of the record.

use std::sync::Arc;

use http::{HeaderMap, Method};
use serde_json::json;

use super::super::probe::{Desk, repeat};
use super::super::seal::Sealed;
use super::{NOW, World, world};
use crate::base::{ClientId, Clock, CustomerId, ManualClock, RouteName, SystemEntropy, TransactionId};
use crate::transaction::idempotency::{Key, Scope};
use crate::transaction::settlement::{Open, Order, Repeat};
use crate::upstream::Sendable as _;

fn open(upstream: &str) -> Open {
    let mut headers = HeaderMap::new();
    headers.insert("idempotency-key", "\"k\"".parse().unwrap());
    let key = Key::read(&headers).unwrap();
    let (client, customer) = (ClientId::new("app"), CustomerId::new("anna"));
    Open {
        scope: Scope::of(&client, &customer, &RouteName::new("payments"), &key),
        transaction: TransactionId::new("txn-1"),
        upstream: upstream.to_owned(),
        reserved_at: NOW,
        since: NOW,
    }
}

fn order() -> Order {
    Order {
        client: ClientId::new("app"),
        route: RouteName::new("payments"),
        key: "k".to_owned(),
        answer_limit: 1024,
        claims: json!({ "txn": "txn-1", "iat": 0, "exp": 60 }),
        request: Some(Repeat {
            method: "POST".to_owned(),
            target: "/payments?x=1".to_owned(),
            headers: [
                ("idempotency-key", "\"k\""),
                ("forwarded", "host=\"pay.example.com\""),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
            body: countersign_jose::base64url(b"{}"),
        }),
    }
}

fn sealed(world: &World, open: &Open, order: &Order) -> Option<Sealed> {
    let entropy = SystemEntropy::default();
    let desk = Desk {
        snapshot: &world.snapshot,
        now: NOW,
        entropy: &entropy,
    };
    let settling = repeat(open, order, &desk)?.ok()?;
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(NOW));
    Some(Sealed::of_settlement(settling, &clock))
}

/// Where an upstream signs its answers, no other answer settles a payment, and no more of it is read than its route allows.
#[tokio::test]
async fn what_it_says_about_a_payment_has_to_be_proven() {
    let world = world().await;
    let sealed = sealed(&world, &open("bank"), &order()).unwrap();
    assert!(sealed.answer_must_be_signed());
    assert_eq!((sealed.upstream(), sealed.answer_limit()), ("bank", 1024));
    let request = sealed.into_request();
    assert_eq!(
        (request.method(), request.uri().to_string().as_str()),
        (&Method::POST, "/payments?x=1")
    );
    assert_eq!(request.body().as_ref(), b"{}");
    for header in ["txn-token", "signature", "signature-input", "idempotency-key"] {
        assert!(request.headers().contains_key(header), "{header}");
    }
}

#[tokio::test]
async fn nothing_is_sent_where_it_was_not_kept_or_its_backend_is_gone() {
    let world = world().await;
    assert!(sealed(&world, &open("closed-bank"), &order()).is_none());
    let without = Order {
        request: None,
        ..order()
    };
    assert!(sealed(&world, &open("bank"), &without).is_none());
}
