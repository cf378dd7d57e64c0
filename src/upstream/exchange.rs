//! One request and its answer on one connection.

use bytes::{Bytes, BytesMut};
use countersign_framing::http1::{Kind, Reason};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use tokio::time::{Instant, timeout_at};

use super::connect::Connected;
use super::room::{Room, SHORT_ANSWER_BYTES, hold};
use super::send::{Answer, SendError};

/// Most bytes of an answer that is too large which are still read, to record its digest (design 6).
const DIGESTED_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// What is set aside for an answer's body before any of it came, where it says that it is that long: a page of memory.
const FIRST_BYTES: usize = 4096;

/// A request as it goes on the wire, and the bounds of its exchange.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) method: Method,
    /// Path and query, as authorised.
    pub(super) target: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) deadline: Instant,
    pub(super) answer_limit: usize,
}

impl Outgoing {
    fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.target.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

/// Sends the request on `connection` and reads the whole answer. The connection comes back when it can be used again.
pub(super) async fn exchange(
    mut connection: Connected,
    outgoing: &Outgoing,
    room: &Room,
) -> (Result<Answer, SendError>, Option<Connected>) {
    let mark = connection.ledger.mark();
    connection.watch.ask(&outgoing.method);
    let sending = connection.sender.try_send_request(outgoing.request());
    let ended = match timeout_at(outgoing.deadline, sending).await {
        Ok(Ok(response)) => match read_answer(response, outgoing, room).await {
            Ok(answer) => return (Ok(answer), usable(connection)),
            Err(error) => Ended::InAnswer(error),
        },
        Ok(Err(mut error)) => Ended::BeforeAnswer {
            handed_back: error.take_message().is_some(),
            cause: error.into_error(),
        },
        Err(_) => Ended::TooLate,
    };
    let (ledger, watch) = connection.stop().await;
    let sent = ledger.has_sent_since(mark);
    (Err(ended.judge(sent, watch.refused())), None)
}

/// The connection, if the backend has said nothing but its answer: what it says unasked would be taken for the next one.
fn usable(connection: Connected) -> Option<Connected> {
    if let Some(reason) = connection.watch.refused() {
        tracing::warn!(%reason, "a backend sent more than its answer; the connection is not used again");
    }
    connection.watch.is_at_rest().then_some(connection)
}

/// How an exchange that failed has ended.
enum Ended {
    /// The connection failed, or what came was not the head of an answer.
    BeforeAnswer {
        /// hyper gave the request back: it had not begun to write it.
        handed_back: bool,
        cause: hyper::Error,
    },
    /// The deadline passed before the head of an answer.
    TooLate,
    /// The answer began.
    InAnswer(SendError),
}

impl Ended {
    fn judge(self, sent: bool, refused: Option<Reason>) -> SendError {
        match (self, refused) {
            (Self::BeforeAnswer { handed_back, cause }, _) if handed_back || !sent => {
                SendError::Unsent(describe(&cause))
            }
            // Its status was read and its body is longer than may be; how that ends makes no difference.
            (Self::InAnswer(error @ SendError::TooLarge { .. }), _) => error,
            (Self::TooLate, _) if !sent => SendError::Timeout { sent },
            (_, Some(reason)) if reason.kind() == Kind::HeadersTooLarge => SendError::HeadersTooLarge,
            (_, Some(reason)) => SendError::Garbage(reason.to_string()),
            (Self::InAnswer(error), None) => error,
            (Self::TooLate, None) => SendError::Timeout { sent },
            (Self::BeforeAnswer { cause, .. }, None) => name(&cause),
        }
    }
}

/// What an error of hyper's means, once bytes of the request have left.
fn name(error: &hyper::Error) -> SendError {
    if error.is_parse_too_large() {
        SendError::HeadersTooLarge
    } else if error.is_parse() || is_malformed_body(error) {
        SendError::Garbage(describe(error))
    } else {
        SendError::Cut(describe(error))
    }
}

/// A chunk header or a coding that is none.
fn is_malformed_body(error: &hyper::Error) -> bool {
    use std::error::Error as _;
    use std::io::ErrorKind;
    let cause = error
        .source()
        .and_then(|cause| cause.downcast_ref::<std::io::Error>());
    cause.is_some_and(|cause| matches!(cause.kind(), ErrorKind::InvalidData | ErrorKind::InvalidInput))
}

/// The error with what caused it; no bytes of the answer are in it.
fn describe(error: &hyper::Error) -> String {
    use std::error::Error as _;
    error
        .source()
        .map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

async fn read_answer(
    response: Response<Incoming>,
    outgoing: &Outgoing,
    room: &Room,
) -> Result<Answer, SendError> {
    let (head, body) = response.into_parts();
    if head.status.is_informational() {
        return Err(SendError::Garbage(format!(
            "the backend answered {}",
            head.status
        )));
    }
    let body = read_body(body, head.status, outgoing, room).await?;
    Ok(Answer {
        status: head.status,
        headers: head.headers,
        body,
    })
}

/// What is over the limit is known by its digest only, and is not kept in memory.
async fn read_body(
    mut body: Incoming,
    status: StatusCode,
    outgoing: &Outgoing,
    room: &Room,
) -> Result<Bytes, SendError> {
    let longest = most_bytes(&body, outgoing);
    let mut read = BytesMut::with_capacity(longest.min(FIRST_BYTES));
    let mut taken = None;
    while let Some(data) = next_data(&mut body, outgoing.deadline).await? {
        let length = read.len() + data.len();
        if length > outgoing.answer_limit {
            let digest = digest(&read, &data, body, outgoing.deadline).await;
            return Err(SendError::TooLarge { status, digest });
        }
        if length > SHORT_ANSWER_BYTES && taken.is_none() {
            taken = Some(room.for_answer(longest, outgoing.deadline).await?);
        }
        read.extend_from_slice(&data);
    }
    Ok(hold(read, taken))
}

/// How long the answer can become: what it says, or what its route takes.
fn most_bytes(body: &Incoming, outgoing: &Outgoing) -> usize {
    let said = body
        .size_hint()
        .upper()
        .and_then(|bytes| usize::try_from(bytes).ok());
    said.map_or(outgoing.answer_limit, |said| said.min(outgoing.answer_limit))
}

/// The next bytes of the body; trailers are passed over, they must not become headers (HTTP-06).
async fn next_data(body: &mut Incoming, deadline: Instant) -> Result<Option<Bytes>, SendError> {
    loop {
        match timeout_at(deadline, body.frame()).await {
            Err(_) => return Err(SendError::Timeout { sent: true }),
            Ok(None) => return Ok(None),
            Ok(Some(Err(error))) => return Err(name(&error)),
            Ok(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// SHA-256 of the whole answer, when the rest of it comes in time and is not without end.
async fn digest(read: &[u8], next: &[u8], mut body: Incoming, deadline: Instant) -> Option<[u8; 32]> {
    let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
    hash.update(read);
    hash.update(next);
    let mut length = read.len() + next.len();
    while let Some(data) = next_data(&mut body, deadline).await.ok()? {
        hash.update(&data);
        length = length.saturating_add(data.len());
        if length > DIGESTED_ANSWER_BYTES {
            return None;
        }
    }
    hash.finish().as_ref().try_into().ok()
}
