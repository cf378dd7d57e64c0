//! What hyper makes of the same bytes, over a pipe in memory.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use countersign_framing::http1::Asked;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::runtime::Builder;

use super::account::{Message, ends_the_connection};

/// Room for everything that is written into a pipe, so that nobody waits.
const PIPE_BYTES: usize = 4 * 1024 * 1024;
/// Fields and bytes of a head: more than the guard's, as at the doors.
const FIELDS: usize = 200;

/// The requests that hyper's server reads.
pub(crate) fn requests(stream: &[u8]) -> Vec<Message> {
    let read = Arc::new(Mutex::new(Vec::new()));
    let service = service_fn(|request: Request<Incoming>| {
        let read = Arc::clone(&read);
        async move {
            let (head, body) = request.into_parts();
            let (body, ended) = collect(body).await;
            let message = Message {
                start: format!("{} {}", head.method, head.uri),
                headers: head.headers,
                body,
                ended,
            };
            let last = ends_the_connection(&message);
            read.lock().unwrap().push(message);
            let mut answer = Response::new(Empty::<Bytes>::new());
            if last {
                *answer.status_mut() = StatusCode::BAD_REQUEST;
                answer
                    .headers_mut()
                    .insert("connection", "close".parse().unwrap());
            }
            Ok::<_, Infallible>(answer)
        }
    });
    block_on(async {
        let end = filled(stream).await;
        let serving = hyper::server::conn::http1::Builder::new()
            .half_close(true)
            .max_headers(FIELDS)
            .serve_connection(TokioIo::new(end.0), service);
        // A body that ends early is an error of the connection too; what was read is what counts.
        let _ = serving.await;
        drop(end.1);
    });
    std::mem::take(&mut read.lock().unwrap())
}

/// The final answer that hyper's client reads.
pub(crate) fn answer(asked: Asked, stream: &[u8]) -> Option<Message> {
    block_on(async {
        let (near, far) = duplex(PIPE_BYTES);
        let backend = tokio::spawn(reply(far, stream.to_vec()));
        let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
            .max_headers(FIELDS)
            .handshake(TokioIo::new(near))
            .await
            .unwrap();
        let driver = tokio::spawn(connection);
        let method = if asked == Asked::Head { "HEAD" } else { "GET" };
        let request = Request::builder().method(method).uri("/").header("host", "a");
        let response = sender
            .send_request(request.body(Empty::<Bytes>::new()).unwrap())
            .await;
        let message = match response {
            Err(_) => None,
            Ok(response) => {
                let (head, body) = response.into_parts();
                let (body, ended) = collect(body).await;
                Some(Message {
                    start: head.status.as_str().to_owned(),
                    headers: head.headers,
                    body,
                    ended,
                })
            }
        };
        driver.abort();
        backend.abort();
        message
    })
}

/// Reads a request and answers with `stream`, whatever that is.
async fn reply(mut end: DuplexStream, stream: Vec<u8>) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match end.read_u8().await {
            Ok(byte) => request.push(byte),
            Err(_) => return,
        }
    }
    // hyper hangs up on what it does not like.
    let _ = end.write_all(&stream).await;
}

/// The two ends of a pipe; what can be read at the first is `stream` and then nothing more.
async fn filled(stream: &[u8]) -> (DuplexStream, DuplexStream) {
    let (near, mut far) = duplex(PIPE_BYTES);
    far.write_all(stream).await.unwrap();
    far.shutdown().await.unwrap();
    (near, far)
}

/// A body as far as it came, and whether it came whole.
async fn collect(mut body: Incoming) -> (Vec<u8>, bool) {
    let mut read = Vec::new();
    loop {
        match body.frame().await {
            None => return (read, true),
            Some(Err(_)) => return (read, false),
            Some(Ok(frame)) => read.extend(frame.into_data().unwrap_or_default()),
        }
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    Builder::new_current_thread().build().unwrap().block_on(work)
}
