//! What the guard says it has passed.

use countersign_framing::http1::{Guard, Witness};
use http::HeaderMap;
use http::header::{CONNECTION, HeaderName, HeaderValue, UPGRADE};

/// The account of one stream.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    messages: Vec<Passed>,
    pub(crate) passed: usize,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Passed {
    head: Vec<u8>,
    body: Vec<u8>,
    ended: bool,
}

/// A message as both the guard and hyper can tell it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// Method and target, or the status.
    pub(crate) start: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// Whether its body came whole.
    pub(crate) ended: bool,
}

impl Witness for Account {
    fn head(&mut self, head: &[u8]) {
        self.messages.push(Passed {
            head: head.to_vec(),
            ..Passed::default()
        });
    }

    fn data(&mut self, data: &[u8]) {
        self.messages.last_mut().unwrap().body.extend_from_slice(data);
    }

    fn end(&mut self) {
        self.messages.last_mut().unwrap().ended = true;
    }
}

impl Account {
    /// Of a stream in one piece.
    pub(crate) fn of(mut guard: Guard, stream: &[u8]) -> Self {
        let mut account = Self::default();
        account.passed = guard.judge_before(stream, &mut account).passed;
        account
    }

    /// Sees to it that the stream in small pieces gives the same account.
    pub(crate) fn assert_same_in_pieces(&self, mut guard: Guard, stream: &[u8]) {
        let mut account = Self::default();
        let mut passed = 0;
        for given in (0..=stream.len())
            .step_by(1 + stream.len() / 97)
            .chain([stream.len()])
        {
            let verdict = guard.judge_before(&stream[passed..given.max(passed)], &mut account);
            passed += verdict.passed;
            if verdict.refused.is_some() {
                break;
            }
        }
        account.passed = passed;
        assert_eq!(&account, self);
    }

    /// As a server reads them: it reads nothing behind a request that ends the connection.
    pub(crate) fn requests(&self) -> Vec<Message> {
        let mut requests = Vec::new();
        for passed in &self.messages {
            let message = passed.message(|line| line.rsplit_once(' ').unwrap().0.to_owned());
            let is_last = ends_the_connection(&message);
            requests.push(message);
            if is_last {
                break;
            }
        }
        requests
    }

    /// As a client reads it: interim answers are passed over.
    pub(crate) fn answer(&self) -> Option<Message> {
        let status = |line: &str| line.get(9..12).unwrap().to_owned();
        let mut answers = self.messages.iter().map(|passed| passed.message(status));
        answers.find(|answer| !answer.start.starts_with('1'))
    }
}

impl Passed {
    fn message(&self, start: impl FnOnce(&str) -> String) -> Message {
        let head = self.head.strip_suffix(b"\r\n\r\n").unwrap();
        let head = head.strip_prefix(b"\r\n").unwrap_or(head);
        let mut lines = head
            .split(|byte| *byte == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let line = String::from_utf8_lossy(lines.next().unwrap()).into_owned();
        let mut headers = HeaderMap::new();
        for line in lines {
            let colon = line.iter().position(|byte| *byte == b':').unwrap();
            let name = HeaderName::from_bytes(&line[..colon]).unwrap();
            headers.append(
                name,
                HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).unwrap(),
            );
        }
        Message {
            start: start(&line),
            headers,
            body: self.body.clone(),
            ended: self.ended,
        }
    }
}

/// `Connection: close`, and what asks for another protocol, which the door answers by closing.
pub(crate) fn ends_the_connection(message: &Message) -> bool {
    let mut options = message.headers.get_all(CONNECTION).iter();
    let closes = options.any(|value| {
        let text = value.to_str().unwrap_or_default();
        text.split(',')
            .any(|option| option.trim().eq_ignore_ascii_case("close"))
    });
    closes || message.headers.contains_key(UPGRADE) || message.start.starts_with("CONNECT ")
}
