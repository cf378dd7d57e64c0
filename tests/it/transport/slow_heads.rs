//! A head that never becomes whole, behind a guard that hands on only whole heads.

use std::time::Duration;

use countersign::base::Door;
use countersign::edge::{ClientAuthentication, Limits};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::client::Client;
use super::gateway::open;

/// HTTP-11: the deadline is for the whole head. A byte now and then does not move it, neither in the first request of a
/// connection nor in the next.
#[tokio::test]
async fn a_head_that_comes_drop_by_drop_is_cut() {
    let limits = Limits {
        head: Duration::from_millis(300),
        ..Limits::default()
    };
    let opened = open(Door::Public, &ClientAuthentication::None, limits);
    let client = Client::new(&opened.authority, None, &["http/1.1"]);
    let whole = "GET /whole HTTP/1.1\r\nhost: localhost\r\n\r\n";
    for (before, slow) in [
        ("", "GET /slow HTTP/1.1\r\nhost: localhost\r\nx: "),
        (whole, "GET /slow HTTP/1.1\r\nx: "),
    ] {
        let stream = client.connect(opened.address, "localhost").await.unwrap();
        let (mut reading, mut writing) = tokio::io::split(stream);
        writing
            .write_all(format!("{before}{slow}").as_bytes())
            .await
            .unwrap();
        let dripping = tokio::spawn(async move {
            while writing.write_all(b"y").await.is_ok() && writing.flush().await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        let mut answers = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(60), reading.read_to_end(&mut answers)).await;
        assert!(ended.is_ok(), "the connection was not cut");
        dripping.abort();
        let answers = String::from_utf8_lossy(&answers).into_owned();
        assert_eq!(answers.contains("/whole"), !before.is_empty(), "{answers}");
        assert!(!answers.contains("/slow"), "{answers}");
    }
    let seen = opened.behind.seen.lock().unwrap().len();
    assert_eq!(seen, 1, "only the whole request was passed on");
}
