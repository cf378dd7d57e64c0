//! Streams told as the guard reads them.

use countersign_framing::http1::{Asked, Guard, Limits, Reason, Witness};

/// What a guard has passed, as it reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) messages: Vec<Message>,
}

/// One message; its body is whole when it has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) head: Vec<u8>,
    pub(crate) body: Vec<u8>,
    pub(crate) ended: bool,
}

impl Witness for Account {
    fn head(&mut self, head: &[u8]) {
        self.messages.push(Message {
            head: head.to_vec(),
            ..Message::default()
        });
    }

    fn data(&mut self, data: &[u8]) {
        self.messages.last_mut().unwrap().body.extend_from_slice(data);
    }

    fn end(&mut self) {
        self.messages.last_mut().unwrap().ended = true;
    }
}

/// The outcome of a whole stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) account: Account,
    /// How many bytes passed.
    pub(crate) passed: usize,
    pub(crate) refused: Option<Reason>,
}

/// Gives `guard` a stream in pieces of these lengths, and the rest in one.
pub(crate) fn judge(mut guard: Guard, stream: &[u8], pieces: impl IntoIterator<Item = usize>) -> Outcome {
    let mut account = Account::default();
    let (mut given, mut passed) = (0, 0);
    let mut pieces = pieces.into_iter();
    loop {
        let piece = pieces.next().unwrap_or(stream.len()).max(1);
        given = (given + piece).min(stream.len());
        let verdict = guard.judge_before(&stream[passed..given], &mut account);
        passed += verdict.passed;
        if verdict.refused.is_some() || given == stream.len() {
            let after = guard.judge(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n");
            if verdict.refused.is_some() {
                assert_eq!(
                    (after.passed, after.refused),
                    (0, verdict.refused),
                    "passed after a refusal"
                );
            }
            return Outcome {
                account,
                passed,
                refused: verdict.refused,
            };
        }
    }
}

/// A client's stream in one piece.
pub(crate) fn request(stream: &[u8]) -> Outcome {
    judge(Guard::for_requests(Limits::default()), stream, [])
}

/// A backend's stream in one piece, for one request.
pub(crate) fn answer(asked: Asked, stream: &[u8]) -> Outcome {
    let mut guard = Guard::for_answers(Limits::default());
    guard.expect_answer(asked);
    judge(guard, stream, [])
}

/// Sees to it that nothing of the message passes, and why.
pub(crate) fn assert_refused(stream: &[u8], name: &str) {
    let outcome = request(stream);
    let text = String::from_utf8_lossy(stream);
    assert_eq!(outcome.refused.map(Reason::name), Some(name), "{text:?}");
    assert_eq!(outcome.passed, 0, "{text:?}: something of it passed");
}

/// Sees to it that the stream passes whole, as so many messages.
pub(crate) fn assert_passed(stream: &[u8], messages: usize) {
    let outcome = request(stream);
    let text = String::from_utf8_lossy(stream);
    assert_eq!(outcome.refused, None, "{text:?}");
    assert_eq!(outcome.passed, stream.len(), "{text:?}: not all of it passed");
    assert_eq!(outcome.account.messages.len(), messages, "{text:?}");
    assert!(
        outcome.account.messages.iter().all(|message| message.ended),
        "{text:?}"
    );
}
