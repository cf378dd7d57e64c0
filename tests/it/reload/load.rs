//! A steady load: four apps on connections they keep, two of each protocol, 200 requests a second together where the machine
//! is fast enough. Reads with a proof, signed requests, payments.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use http_body_util::Full;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::gateway::Running;
use crate::crash::app::{App, body, code};
use crate::support::{Protocol, Wire, in_the_end, in_time};

/// Between two requests of one app.
const PACE: Duration = Duration::from_millis(20);

/// The load, until it is ended.
pub(super) struct Load {
    riders: JoinSet<()>,
    shared: Arc<Shared>,
}

struct Shared {
    app: App,
    wire: Wire,
    answered: watch::Sender<usize>,
    payments: AtomicUsize,
    is_over: AtomicBool,
}

impl Load {
    pub(super) async fn start(running: &Running) -> Self {
        let shared = Arc::new(Shared {
            app: running.app.clone(),
            wire: running.home.public(),
            answered: watch::Sender::default(),
            payments: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
        });
        until_proofs_count(&shared).await;
        let mut riders = JoinSet::new();
        for place in 0..4 {
            let protocol = if place % 2 == 0 {
                Protocol::Http1
            } else {
                Protocol::Http2
            };
            riders.spawn(ride(Arc::clone(&shared), place, protocol));
        }
        let mut load = Self { riders, shared };
        load.answers(4).await;
        load
    }

    /// Waits until so many more requests were answered as they should be.
    pub(super) async fn answers(&mut self, more: usize) {
        let mut answered = self.shared.answered.subscribe();
        let until = *answered.borrow_and_update() + more;
        while *answered.borrow_and_update() < until {
            let next = async {
                tokio::select! {
                    changed = answered.changed() => changed.unwrap(),
                    ended = self.riders.join_next() => panic!("a request was not answered as it should be: {ended:?}"),
                }
            };
            in_time("another request is answered", next).await;
        }
    }

    /// Ends it, and tells how many payments were answered.
    pub(super) async fn end(mut self) -> usize {
        self.shared.is_over.store(true, Ordering::SeqCst);
        while let Some(rider) = self.riders.join_next().await {
            rider.unwrap();
        }
        self.shared.payments.load(Ordering::SeqCst)
    }
}

/// Proofs from before a start are stale, those of its second among them.
async fn until_proofs_count(shared: &Shared) {
    let is_answered = async || {
        let request = shared.app.with_proof("/orders", Protocol::Http1);
        let answer = shared.wire.send(Protocol::Http1, request).await.unwrap();
        assert!(answer.status == 200 || code(&answer) == "stale", "{answer:?}");
        answer.status == 200
    };
    in_the_end("a proof counts", is_answered).await;
}

/// One app. An answer that is not as it should be ends it, and with it the test.
async fn ride(shared: Arc<Shared>, place: usize, protocol: Protocol) {
    let mut line = shared.wire.open(protocol).await.unwrap();
    let mut pace = tokio::time::interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sent = 0;
    while !shared.is_over.load(Ordering::SeqCst) {
        pace.tick().await;
        let (request, pays) = request(&shared, place, sent, protocol);
        let answer = line
            .send(request)
            .await
            .unwrap_or_else(|error| panic!("{protocol:?}: {error}"));
        assert_eq!(answer.status, 200, "{protocol:?}: {}", code(&answer));
        shared.payments.fetch_add(usize::from(pays), Ordering::SeqCst);
        shared.answered.send_modify(|answered| *answered += 1);
        sent += 1;
    }
}

fn request(
    shared: &Shared,
    place: usize,
    sent: usize,
    protocol: Protocol,
) -> (http::Request<Full<bytes::Bytes>>, bool) {
    match sent % 4 {
        0 | 2 => (shared.app.with_proof("/orders", protocol), false),
        1 => (shared.app.signed("/consents", None, "{}", protocol), false),
        _ => {
            let (number, key) = (sent * 4 + place, format!("{place}-{sent}"));
            (
                shared
                    .app
                    .signed("/payments", Some(&key), &body(number), protocol),
                true,
            )
        }
    }
}
