//! Several requests on one connection, one of them refused.

use super::{PATIENCE, converse};
use crate::support::{Deed, TestGateway};

fn get(gateway: &TestGateway, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", gateway.authority())
}

/// HTTP-08: the refusal stands behind the answers of the requests before it, and nothing stands behind the refusal.
#[tokio::test]
async fn a_refused_request_is_answered_in_its_turn() {
    let gateway = TestGateway::start().await;
    let good = get(&gateway, "/rates/good");
    let bad = format!(
        "GET /rates/bad HTTP/1.1\r\nhost: {0}\r\nhost: {0}\r\n\r\n",
        gateway.authority()
    );
    let large = format!("GET /rates/{} HTTP/1.1\r\n", "a".repeat(9000));
    for (refused, status) in [(&bad, 400), (&large, 414)] {
        for before in 0..4 {
            gateway.backend.count();
            let from = gateway.backend.count();
            let bytes = format!("{}{refused}{good}{good}", good.repeat(before));
            let replies = converse(&gateway, bytes.as_bytes()).await;
            let statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
            let mut expected = vec![200; before];
            expected.push(status);
            assert_eq!(statuses, expected);
            assert_eq!(gateway.backend.count(), from + before);
            assert!(
                gateway
                    .backend
                    .seen()
                    .iter()
                    .all(|seen| seen.target == "/rates/good")
            );
        }
    }
}

/// HTTP-08: even when the request before it takes its time.
#[tokio::test]
async fn a_refusal_waits_for_the_answer_before_it() {
    let gateway = TestGateway::start().await;
    gateway.backend.next(Deed::Hold);
    let bytes = format!("{}nonsense\r\n\r\n", get(&gateway, "/rates/slow"));
    let asking = converse(&gateway, bytes.as_bytes());
    let releasing = async {
        gateway.backend.wait_for(1).await;
        // Time for a refusal to overtake, if it could.
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        gateway.backend.release();
    };
    let (replies, ()) = tokio::join!(asking, releasing);
    let statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
    assert_eq!(statuses, [200, 400]);
    replies[1].assert_last("request-malformed", "behind a slow request");
}

/// HTTP-06: a request before one whose body breaks is answered like any other.
#[tokio::test]
async fn a_broken_body_harms_only_its_own_request() {
    let gateway = TestGateway::start().await;
    let good = get(&gateway, "/rates/good");
    let bad = format!(
        "POST /rates/bad HTTP/1.1\r\nhost: {}\r\ntransfer-encoding: chunked\r\n\r\n5\r\nmoney\r\nnonsense\r\n",
        gateway.authority()
    );
    let replies = converse(&gateway, format!("{good}{good}{bad}{good}").as_bytes()).await;
    let statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
    assert_eq!(statuses, [200, 200, 400], "{replies:?}");
    replies[2].assert_last("request-malformed", "behind two good requests");
    assert_eq!(gateway.backend.count(), 2);
}

/// A head may come in any number of pieces: what passes is the same.
#[tokio::test]
async fn a_request_passes_byte_by_byte() {
    let gateway = TestGateway::start().await;
    let host = gateway.authority();
    let text = format!(
        "POST /rates/eur HTTP/1.1\r\nhost: {host}\r\ntransfer-encoding: chunked\r\n\r\n5\r\nmoney\r\n0\r\n\r\n\
         GET /rates/usd HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
    );
    let wire = gateway.public();
    let sending = tokio::time::timeout(PATIENCE, wire.send_by_bytes(text.as_bytes()));
    let answer = sending.await.unwrap();
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2, "{answer}");
    let seen = gateway.backend.seen();
    let targets: Vec<&str> = seen.iter().map(|seen| seen.target.as_str()).collect();
    assert_eq!(targets, ["/rates/eur", "/rates/usd"]);
    assert_eq!(seen[0].body, "money");
}
