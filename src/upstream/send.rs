//! Sending what may be sent: the only way to a backend.

use std::time::Duration;

use bytes::Bytes;
use countersign_jose::jwk::Jwk;
use http::header::{CONTENT_LENGTH, EXPECT, HOST};
use http::{HeaderMap, HeaderName, Request, StatusCode};
use tokio::time::{Instant, timeout_at};

use super::answer_signature;
use super::cluster::{Cluster, Clusters};
use super::connect::{Connected, connect};
use super::endpoint::Endpoint;
use super::exchange::{Outgoing, exchange};
use super::headers;
use super::latest_start::LatestStart;
use super::request_head;
use super::room::Room;
use super::tally::Origin;

/// What may be sent to a backend. Implemented by exactly one type, `gate::Sealed` (an architecture test counts the
/// implementations), so nothing gets out that has not passed every gate.
pub trait Sendable {
    /// The name of the upstream.
    fn upstream(&self) -> &str;
    /// How long the whole exchange may take, waiting and connecting included.
    fn deadline(&self) -> Duration;
    /// Until when it may begin to go out; later, nothing of it is sent.
    fn latest_start(&self) -> Option<LatestStart> {
        None
    }
    /// Most bytes of the answer's body.
    fn answer_limit(&self) -> usize;
    /// Fields of the answer that its route lets through although backends may not send them.
    fn kept_answer_headers(&self) -> &[HeaderName] {
        &[]
    }
    /// Whether an answer counts only under the backend's own signature, where the upstream has keys for it.
    fn answer_must_be_signed(&self) -> bool {
        false
    }
    /// The request: target, headers and body exactly as authorised. `Host` and the framing are made here.
    fn into_request(self) -> Request<Bytes>;
}

/// A backend's answer, whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status, never informational.
    pub status: StatusCode,
    /// Its headers, without what does not pass.
    pub headers: HeaderMap,
    /// Its body, at most as long as the answer limit.
    pub body: Bytes,
}

/// Why there is no answer. Texts are for the log; they hold nothing of request or answer.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Provably not one byte of the request was written.
    #[error("nothing was sent: {0}")]
    Unsent(String),
    /// So many requests wait for the backend that no more may; nothing was sent.
    #[error("too many requests wait for the backend")]
    Full,
    /// The deadline passed, or with nothing sent the latest moment to begin.
    #[error("no answer in time ({})", if *.sent { "the request was sent" } else { "nothing was sent" })]
    Timeout {
        /// Whether a byte of the request may have been written.
        sent: bool,
    },
    /// The connection ended after a byte was written and before the answer was whole.
    #[error("the connection ended in the middle: {0}")]
    Cut(String),
    /// What came back is not HTTP.
    #[error("the answer is not HTTP: {0}")]
    Garbage(String),
    /// The body of the answer is longer than the limit.
    #[error("the answer is too large")]
    TooLarge {
        /// Its status.
        status: StatusCode,
        /// SHA-256 of its body, when all of it came in time.
        digest: Option<[u8; 32]>,
    },
    /// There was no room for the answer in time: those before it wait for their clients. The backend did what it should.
    #[error("there was no room for the answer in time")]
    NoRoom,
    /// The answer does not carry a good signature of the backend, which it must.
    #[error("whoever answered is not shown to be the backend: {0}")]
    Unproven(String),
    /// The head of the answer is too large.
    #[error("the head of the answer is too large")]
    HeadersTooLarge,
}

impl SendError {
    /// Whether the backend may have begun to act on the request.
    #[must_use]
    pub const fn may_have_been_sent(&self) -> bool {
        !matches!(self, Self::Unsent(_) | Self::Full | Self::Timeout { sent: false })
    }

    pub(super) const fn outcome(&self) -> &'static str {
        match self {
            Self::Unsent(_) => "unsent",
            Self::Full => "full",
            Self::Timeout { .. } => "timeout",
            Self::Cut(_) => "cut",
            Self::Garbage(_) => "garbage",
            Self::Unproven(_) => "unproven",
            Self::NoRoom => "no-room",
            Self::TooLarge { .. } | Self::HeadersTooLarge => "too-large",
        }
    }
}

/// Sends `sealed` to its upstream and waits for the whole answer. It goes to another replica, or again over a fresh
/// connection, only while provably nothing of it was written.
///
/// # Errors
/// See [`SendError`].
pub async fn send<S: Sendable>(clusters: &Clusters, sealed: S) -> Result<Answer, SendError> {
    let began = Instant::now();
    let cluster = clusters
        .get(sealed.upstream())
        .ok_or_else(|| SendError::Unsent(format!("there is no upstream `{}`", sealed.upstream())))?;
    let kept = sealed.kept_answer_headers().to_vec();
    let keys = cluster
        .answer_keys
        .as_deref()
        .filter(|_| sealed.answer_must_be_signed());
    let mut outgoing = outgoing(cluster, began, sealed)?;
    if keys.is_none() {
        // Nobody asks any longer what was sent: the answer is read into the same memory.
        std::mem::swap(&mut outgoing.headers, &mut outgoing.spare);
        outgoing.spare.clear();
    }
    let mut outcome = send_to_any(cluster, &mut outgoing).await;
    if let Some(keys) = keys {
        outcome = proven(outcome, &outgoing, cluster, keys);
    }
    if let Ok(answer) = &mut outcome {
        headers::clean_answer(&mut answer.headers, &kept);
    }
    cluster.tally.ended(&outcome, began);
    outcome
}

/// The answer when the backend signed it. What is too large to be read whole cannot be shown to be the backend's.
fn proven(
    outcome: Result<Answer, SendError>,
    sent: &Outgoing,
    cluster: &Cluster,
    keys: &[Jwk],
) -> Result<Answer, SendError> {
    match outcome {
        Ok(answer) => {
            let scheme = if cluster.tls.is_some() { "https" } else { "http" };
            answer_signature::check(&answer, sent, scheme, &cluster.authority, keys)?;
            Ok(answer)
        }
        Err(error @ (SendError::TooLarge { .. } | SendError::HeadersTooLarge)) => {
            Err(SendError::Unproven(error.to_string()))
        }
        Err(error) => Err(error),
    }
}

fn outgoing<S: Sendable>(cluster: &Cluster, began: Instant, sealed: S) -> Result<Outgoing, SendError> {
    let deadline = began + sealed.deadline();
    let (answer_limit, latest_start) = (sealed.answer_limit(), sealed.latest_start());
    let (mut head, body) = sealed.into_request().into_parts();
    let target = head
        .uri
        .path_and_query()
        .cloned()
        .ok_or_else(|| SendError::Unsent("the request has no path".to_owned()))?;
    headers::remove_hop_by_hop(&mut head.headers);
    // The head that is written frames the body by its length; nobody else's word counts (HTTP-08).
    head.headers.remove(CONTENT_LENGTH);
    head.headers.remove(EXPECT);
    head.headers.insert(HOST, cluster.host.clone());
    Ok(Outgoing {
        head: request_head::write(&head.method, &target, &head.headers, body.len()),
        method: head.method,
        target,
        headers: head.headers,
        spare: HeaderMap::new(),
        body,
        deadline,
        latest_start,
        answer_limit,
    })
}

async fn send_to_any(cluster: &Cluster, outgoing: &mut Outgoing) -> Result<Answer, SendError> {
    let _place = cluster.room.enter(outgoing.waits_until()).await?;
    let mut tried = Vec::new();
    let mut last = SendError::Unsent("no replica is left".to_owned());
    while let Some((place, endpoint)) = cluster.choose(&tried) {
        if outgoing.is_stale() {
            return Err(SendError::Timeout { sent: false });
        }
        let outcome = send_to(cluster, endpoint, outgoing).await;
        endpoint.report(is_well(&outcome));
        match outcome {
            Err(SendError::Unsent(cause)) => last = SendError::Unsent(cause),
            outcome => return outcome,
        }
        tried.push(place);
    }
    Err(last)
}

/// Whether the backend itself did what a backend should; too large an answer is an answer, and that we have no room for one
/// is not its doing.
const fn is_well(outcome: &Result<Answer, SendError>) -> bool {
    matches!(
        outcome,
        Ok(_) | Err(SendError::TooLarge { .. } | SendError::HeadersTooLarge | SendError::NoRoom)
    )
}

/// Sends over an idle connection; as long as those turn out to be stale, with nothing written, over the next, and at last
/// over a fresh one.
async fn send_to(
    cluster: &Cluster,
    endpoint: &Endpoint,
    outgoing: &mut Outgoing,
) -> Result<Answer, SendError> {
    let _occupied = endpoint.occupy();
    while let Some(idle) = endpoint.pool.take() {
        // After a first answer nothing is due on a connection, not even from TLS.
        if idle.transport.is_disturbed() {
            continue;
        }
        cluster.tally.taken(Origin::Pool);
        let outcome = send_over(idle, endpoint, outgoing, &cluster.room).await;
        if !matches!(outcome, Err(SendError::Unsent(_))) {
            return outcome;
        }
    }
    // Seldom, and larger than all the rest.
    let connecting = Box::pin(connect(
        &endpoint.address,
        cluster.tls.as_ref(),
        cluster.limits.connect,
    ));
    let fresh = timeout_at(outgoing.waits_until(), connecting)
        .await
        .map_err(|_| SendError::Timeout { sent: false })?
        .map_err(SendError::Unsent)?;
    cluster.tally.taken(Origin::Fresh);
    send_over(fresh, endpoint, outgoing, &cluster.room).await
}

async fn send_over(
    connection: Connected,
    endpoint: &Endpoint,
    outgoing: &mut Outgoing,
    room: &Room,
) -> Result<Answer, SendError> {
    let (outcome, connection) = exchange(connection, outgoing, room).await;
    if let Some(connection) = connection {
        endpoint.pool.put(connection);
    }
    outcome
}
