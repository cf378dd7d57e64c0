//! Several runtimes: a connection lives on one of them, and all of them end together.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use countersign::answer::Body;
use countersign::base::{Connection, Door, RuntimeNumber};
use countersign::edge::{ClientAuthentication, Drained, Limits, NotCounted, Serve};
use countersign::server::Cores;
use http::{Request, Response};
use tokio::sync::{Barrier, Notify};
use tokio::task::JoinHandle;

use super::client::{Client, Received};
use super::gateway::{Opened, prepare};
use crate::support::in_time;

const LONG: Duration = Duration::from_secs(60);

/// Says on which runtime it runs; `/hold` waits until all are there and are let go, `/panic` panics.
struct SaysWhere {
    there: Barrier,
    release: Notify,
}

struct Behind(Arc<SaysWhere>);

impl Serve for Behind {
    fn serve(
        &self,
        _: Arc<Connection>,
        request: Request<Body>,
    ) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>> {
        let this = Arc::clone(&self.0);
        Box::pin(async move {
            match request.uri().path() {
                "/hold" => {
                    let released = this.release.notified();
                    let mut released = std::pin::pin!(released);
                    released.as_mut().enable();
                    this.there.wait().await;
                    released.await;
                }
                "/panic" => panic!("as asked"),
                _ => {}
            }
            Response::new(Body::from(RuntimeNumber::current().0.to_string()))
        })
    }
}

/// A door on two runtimes, behind which `waiting` requests wait for each other.
fn open(waiting: usize) -> (Cores, Opened, Arc<SaysWhere>) {
    let (mut door, opened) = prepare(
        Door::Public,
        &ClientAuthentication::None,
        Limits::default(),
        Arc::new(NotCounted),
    );
    let behind = Arc::new(SaysWhere {
        there: Barrier::new(waiting),
        release: Notify::new(),
    });
    door.serve = Arc::new(Behind(Arc::clone(&behind)));
    let cores = Cores::start(2).unwrap();
    opened.edge.open_on(&cores.carriers(), door).unwrap();
    (cores, opened, behind)
}

#[tokio::test]
async fn connections_are_spread_over_the_runtimes_and_stay_where_they_are() {
    for protocol in ["http/1.1", "h2"] {
        let (_cores, opened, _) = open(1);
        let client = Client::new(&opened.authority, None, &[protocol]);
        let mut conversations = Vec::new();
        for _ in 0..4 {
            conversations.push(client.open(opened.address).await.unwrap());
        }
        let mut places = Vec::new();
        for conversation in &mut conversations {
            let first = conversation.get("/").await.unwrap().body;
            assert_eq!(conversation.get("/").await.unwrap().body, first);
            places.push(first);
        }
        places.sort_unstable();
        assert_eq!(places, ["1", "1", "2", "2"], "{protocol}");
    }
}

/// Two requests that have come to their end behind the doors and wait there.
async fn two_that_wait(opened: &Opened, behind: &SaysWhere) -> Vec<JoinHandle<Result<Received, String>>> {
    let client = Client::new(&opened.authority, None, &["http/1.1"]);
    let mut asking = Vec::new();
    for _ in 0..2 {
        let mut conversation = client.open(opened.address).await.unwrap();
        asking.push(tokio::spawn(async move { conversation.get("/hold").await }));
    }
    in_time("both requests wait", behind.there.wait()).await;
    asking
}

#[tokio::test]
async fn the_end_waits_for_requests_on_every_runtime() {
    let (_cores, opened, behind) = open(3);
    let asking = two_that_wait(&opened, &behind).await;
    let edge = Arc::clone(&opened.edge);
    let drained = tokio::spawn(async move { edge.drain().finish(LONG).await });
    opened.edge.drain().begun().await;
    behind.release.notify_waiters();
    let mut places = BTreeSet::new();
    for asking in asking {
        places.insert(asking.await.unwrap().unwrap().body);
    }
    assert_eq!(places.len(), 2, "{places:?}");
    assert_eq!(drained.await.unwrap(), Drained::default());
}

#[tokio::test]
async fn what_does_not_end_is_dropped_on_every_runtime() {
    let (_cores, opened, behind) = open(3);
    let asking = two_that_wait(&opened, &behind).await;
    let drained = opened.edge.drain().finish(Duration::from_millis(10)).await;
    assert_eq!((drained.requests, drained.connections), (2, 2));
    for asking in asking {
        assert!(asking.await.unwrap().is_err());
    }
}

#[tokio::test]
async fn a_panic_ends_one_request_wherever_it_runs() {
    let (_cores, opened, _) = open(1);
    let client = Client::new(&opened.authority, None, &["h2"]);
    for _ in 0..2 {
        let mut conversation = client.open(opened.address).await.unwrap();
        assert_eq!(conversation.get("/panic").await.unwrap().status, 500);
        assert_eq!(conversation.get("/").await.unwrap().status, 200);
    }
}
