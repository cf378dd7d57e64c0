//! A connection that rests and goes on.

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::service::service_fn;
use tokio::io::{AsyncRead, AsyncReadExt as _, BufReader, DuplexStream, ReadBuf, duplex};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::super::drain::LINGER;
use super::*;

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: pay.example\r\n\r\n";
/// Passes while a test waits for it.
const SOON: Duration = Duration::from_millis(5);
/// Passes in no test.
const NEVER: Duration = Duration::from_secs(3600);

/// A stream that counts how often it was taken out of hyper, which never looks into its buffer; only who waits at rest does.
struct Counted {
    io: BufReader<DuplexStream>,
    is_at_rest: bool,
    rests: watch::Sender<usize>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.is_at_rest = false;
        Pin::new(&mut self.io).poll_read(cx, to)
    }
}

impl AsyncBufRead for Counted {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        if !std::mem::replace(&mut this.is_at_rest, true) {
            this.rests.send_modify(|rests| *rests += 1);
        }
        Pin::new(&mut this.io).poll_fill_buf(cx)
    }

    fn consume(mut self: Pin<&mut Self>, amount: usize) {
        Pin::new(&mut self.io).consume(amount);
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// A connection in conversation, and its client.
struct Talk {
    client: DuplexStream,
    /// How often it has rested; before its first request it does.
    rests: watch::Receiver<usize>,
    drain: Drain,
    ended: JoinHandle<Ended>,
}

/// Answers at once, with the path and how many requests there have been; `/slow` is answered with what comes by `pieces`.
fn talk(limits: Limits, rest: Duration, pieces: Option<mpsc::Receiver<&'static str>>) -> Talk {
    let (ours, client) = duplex(64);
    let (told, rests) = watch::channel(0);
    let drain = Drain::default();
    let io = Counted {
        io: BufReader::new(ours),
        is_at_rest: false,
        rests: told,
    };
    let leaving = drain.clone();
    let ended = tokio::spawn(async move {
        let (activity, finding) = (Activity::new(), Arc::default());
        let (watched, count, pieces) = (activity.clone(), AtomicUsize::new(0), Mutex::new(pieces));
        let service = service_fn(move |request: Request<Incoming>| {
            let count = count.fetch_add(1, Ordering::Relaxed) + 1;
            let body = match request.uri().path() {
                "/slow" => slowly(pieces.lock().unwrap().take().unwrap()),
                path => Body::from(format!("{path} {count};")),
            };
            let answer = Answer::new(body, watched.begin());
            async move { Ok::<_, Infallible>(Response::new(answer)) }
        });
        let terms = Terms {
            limits: &limits,
            drain: &leaving,
            activity: &activity,
            finding: &finding,
            rest,
        };
        converse(io, service, terms).await
    });
    Talk {
        client,
        rests,
        drain,
        ended,
    }
}

/// A body of what comes through.
fn slowly(pieces: mpsc::Receiver<&'static str>) -> Body {
    struct Pieces(mpsc::Receiver<&'static str>);

    impl http_body::Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let piece = self.0.poll_recv(context);
            piece.map(|piece| piece.map(|piece| Ok(Frame::data(piece.into()))))
        }
    }

    Body::new(Pieces(pieces))
}

impl Talk {
    async fn says(&mut self, bytes: &[u8]) {
        self.client.write_all(bytes).await.unwrap();
    }

    /// Reads until `end`.
    async fn hears(&mut self, end: &str) -> String {
        let mut text = String::new();
        while !text.ends_with(end) {
            let byte = self.client.read_u8().await;
            let byte = byte.unwrap_or_else(|error| panic!("{error} after {text:?}"));
            text.push(byte.into());
        }
        text
    }

    /// Waits until it has rested so often.
    async fn rests(&mut self, times: usize) {
        self.rests.wait_for(|rests| *rests >= times).await.unwrap();
    }

    fn has_rested(&self) -> usize {
        *self.rests.borrow()
    }

    /// Reads to the end of the connection.
    async fn ends(mut self) -> (String, Ended) {
        let mut rest = String::new();
        self.client.read_to_string(&mut rest).await.unwrap();
        drop(self.client);
        (rest, self.ended.await.unwrap())
    }
}

#[tokio::test]
async fn a_connection_that_rested_goes_on_where_it_was() {
    let mut talk = talk(Limits::default(), SOON, None);
    for count in 1..4 {
        talk.rests(count).await;
        talk.says(GET).await;
        talk.hears(&format!("/ {count};")).await;
    }
    talk.rests(4).await;
    drop(talk.client);
    assert!(talk.ended.await.unwrap().outcome.is_ok());
}

#[tokio::test]
async fn a_connection_does_not_rest_before_its_time() {
    let mut talk = talk(Limits::default(), NEVER, None);
    for count in 1..20 {
        talk.says(GET).await;
        talk.hears(&format!("/ {count};")).await;
    }
    assert_eq!(talk.has_rested(), 1);
}

/// HTTP-01
#[tokio::test]
async fn what_has_come_of_a_next_request_is_not_lost_at_a_pause() {
    for cut in (1..GET.len()).step_by(7) {
        let mut talk = talk(Limits::default(), SOON, None);
        talk.says(&[GET, &GET[..cut]].concat()).await;
        talk.hears("/ 1;").await;
        sleep(SOON * 4).await;
        assert_eq!(talk.has_rested(), 1, "{cut}: a head is coming in");
        talk.says(&GET[cut..]).await;
        talk.hears("/ 2;").await;
        talk.rests(2).await;
    }
}

#[tokio::test]
async fn pipelined_requests_are_all_answered_in_their_turn() {
    let mut talk = talk(Limits::default(), SOON, None);
    let (mut from, mut to) = tokio::io::split(talk.client);
    let asking = tokio::spawn(async move { to.write_all(&GET.repeat(100)).await.map(|()| to) });
    let mut heard = String::new();
    for count in 1..101 {
        let end = format!("/ {count};");
        while !heard.ends_with(&end) {
            heard.push(from.read_u8().await.unwrap().into());
        }
        if count % 10 == 0 {
            // The answers wait for the client meanwhile.
            sleep(SOON * 2).await;
        }
    }
    talk.client = from.unsplit(asking.await.unwrap().unwrap());
    talk.rests(2).await;
    talk.says(GET).await;
    talk.hears("/ 101;").await;
}

#[tokio::test]
async fn an_answer_that_comes_slowly_is_waited_for() {
    let (pieces, coming) = mpsc::channel(1);
    let mut talk = talk(Limits::default(), SOON, Some(coming));
    talk.says(b"GET /slow HTTP/1.1\r\nhost: pay.example\r\n\r\n")
        .await;
    for piece in ["one", "two", "three"] {
        sleep(SOON * 4).await;
        pieces.send(piece).await.unwrap();
        talk.hears(piece).await;
    }
    assert_eq!(talk.has_rested(), 1);
    drop(pieces);
    talk.hears("\r\n0\r\n\r\n").await;
    talk.rests(2).await;
    talk.says(GET).await;
    talk.hears("/ 2;").await;
}

#[tokio::test]
async fn an_answer_that_is_taken_slowly_is_waited_for() {
    let mut talk = talk(Limits::default(), SOON, None);
    let long = format!("GET /{} HTTP/1.1\r\nhost: pay.example\r\n\r\n", "a".repeat(500));
    talk.says(long.as_bytes()).await;
    sleep(SOON * 8).await;
    assert_eq!(talk.has_rested(), 1);
    assert!(talk.hears(" 1;").await.contains(&"a".repeat(500)));
}

/// HTTP-02: the rest of a body is no request, however late it comes.
#[tokio::test]
async fn a_body_that_nobody_read_is_never_taken_for_a_request() {
    for head in [
        "POST / HTTP/1.1\r\nhost: pay.example\r\ncontent-length: 70\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: pay.example\r\ntransfer-encoding: chunked\r\n\r\n24\r\n",
    ] {
        let mut talk = talk(Limits::default(), SOON, None);
        talk.says(head.as_bytes()).await;
        talk.hears("/ 1;").await;
        sleep(SOON * 4).await;
        let _ = talk.client.write_all(GET).await;
        let (rest, _) = talk.ends().await;
        assert_eq!(rest, "", "{head}");
    }
}

#[tokio::test]
async fn a_connection_at_rest_ends_when_nobody_waits_for_it_any_longer() {
    let limits = Limits {
        idle: SOON * 10,
        ..Limits::default()
    };
    let mut talk = talk(limits, SOON, None);
    let asked = Instant::now();
    talk.says(GET).await;
    talk.hears("/ 1;").await;
    let (rest, ended) = talk.ends().await;
    assert!(rest.is_empty() && asked.elapsed() >= SOON * 10);
    assert!(ended.outcome.is_ok() && ended.cut.reason().is_none());
}

/// HTTP-11
#[tokio::test]
async fn a_head_after_a_rest_has_its_deadline_too() {
    let limits = Limits {
        head: SOON * 10,
        ..Limits::default()
    };
    let mut talk = talk(limits, SOON, None);
    talk.says(GET).await;
    talk.hears("/ 1;").await;
    talk.rests(2).await;
    talk.says(&GET[..10]).await;
    let (_, ended) = talk.ends().await;
    assert_eq!(ended.cut.reason(), Some("head-deadline"));
}

/// H2-08
#[tokio::test]
async fn a_connection_at_rest_still_answers_for_a_moment_when_the_gateway_goes_away() {
    let mut talk = talk(Limits::default(), SOON, None);
    talk.says(GET).await;
    talk.hears("/ 1;").await;
    talk.rests(2).await;
    let began = Instant::now();
    talk.drain.begin();
    talk.says(GET).await;
    talk.hears("/ 2;").await;
    let (rest, ended) = talk.ends().await;
    assert!(rest.is_empty() && began.elapsed() >= LINGER);
    assert!(ended.outcome.is_ok());
}
