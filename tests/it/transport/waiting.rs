//! How long a door waits: for a body, and for a connection that asks nothing.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use countersign::answer::Body;
use countersign::base::{Connection, Door};
use countersign::edge::{ClientAuthentication, Limits, NotCounted, Serve};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::client::Client;
use super::gateway::{open, prepare};

/// Reads the body and says what it was.
struct Reads;

impl Serve for Reads {
    fn serve(
        &self,
        _: Arc<Connection>,
        request: Request<Body>,
    ) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>> {
        Box::pin(async move {
            let text = match request.into_body().collect().await {
                Ok(body) => String::from_utf8(body.to_bytes().to_vec()).unwrap(),
                Err(error) => error.to_string(),
            };
            Response::new(Body::from(text))
        })
    }
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_is_given_up_and_its_connection_closed() {
    let limits = Limits {
        body: Duration::from_secs(1),
        ..Limits::default()
    };
    let (mut door, opened) = prepare(
        Door::Public,
        &ClientAuthentication::None,
        limits,
        Arc::new(NotCounted),
    );
    door.serve = Arc::new(Reads);
    opened.edge.open(door).unwrap();
    let client = Client::new(&opened.authority, None, &["http/1.1"]);
    for (sent, answered) in [("money", "money"), ("mon", "the body came too slowly")] {
        let mut stream = client.connect(opened.address, "localhost").await.unwrap();
        let head = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n";
        let close = if sent.len() == 5 {
            "connection: close\r\n"
        } else {
            ""
        };
        let request = format!("{head}{close}\r\n{sent}");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        // Ends because the door closes the connection.
        let _ = stream.read_to_end(&mut rest).await;
        let rest = String::from_utf8(rest).unwrap();
        assert!(
            rest.starts_with("HTTP/1.1 200") && rest.ends_with(answered),
            "{rest}"
        );
    }
}

#[tokio::test]
async fn a_connection_that_asks_nothing_is_closed_and_one_that_waits_for_its_answer_is_not() {
    let waits = async |protocol| {
        let limits = Limits {
            idle: Duration::from_millis(800),
            ..Limits::default()
        };
        let mut opened = open(Door::Public, &ClientAuthentication::None, limits);
        let client = Client::new(&opened.authority, None, &[protocol]);
        let mut conversation = client.open(opened.address).await.unwrap();
        let asking = async {
            let received = conversation.get("/hold").await.unwrap();
            assert_eq!(received.body, "/hold", "{protocol}");
            // Both sides agree that it is over.
            conversation.driver.await.unwrap().unwrap();
        };
        let releasing = async {
            assert_eq!(opened.begins().await, "/hold");
            // Longer than idle: the request keeps the connection open.
            tokio::time::sleep(Duration::from_secs(1)).await;
            opened.behind.release.notify_one();
        };
        tokio::join!(asking, releasing);
    };
    tokio::join!(waits("http/1.1"), waits("h2"));
}
