//! The guard of one connection.

use std::time::Duration;

use super::client::Client;
use super::frame::Frames;
use super::refusal::{Counted, Refusal};
use super::server::{Sent, Witness};

/// What a client says first (section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes that are not all passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// How many of them may be passed on: whole frames, and nothing of the one that is refused.
    pub passed: usize,
    /// Why.
    pub refusal: Refusal,
}

/// Watches one connection. All times are counted from its beginning.
#[derive(Debug)]
pub struct Guard {
    /// Bytes of the preface that have come.
    preface: usize,
    client: Client,
    incoming: Frames,
    outgoing: Frames,
    /// Since when there is a frame or a header block that is not whole.
    unfinished_since: Option<Duration>,
    refused: Option<Refusal>,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            preface: 0,
            client: Client::new(),
            incoming: Frames::default(),
            outgoing: Frames::default(),
            unfinished_since: Some(Duration::ZERO),
            refused: None,
        }
    }
}

impl Guard {
    /// Judges bytes of the client before they are passed on. However they are cut, the same frame is refused.
    ///
    /// # Errors
    /// The client is refused; from then on everything is.
    pub fn judge(&mut self, bytes: &[u8], now: Duration) -> Result<(), Refused> {
        let refuse = |passed, refusal| Err(Refused { passed, refusal });
        if let Some(refusal) = self.refused {
            return refuse(0, refusal);
        }
        let (first, frames) = bytes.split_at(bytes.len().min(PREFACE.len() - self.preface));
        let expected = PREFACE.get(self.preface..self.preface + first.len());
        if expected != Some(first) {
            self.refused = Some(Refusal::Preface);
            return refuse(0, Refusal::Preface);
        }
        self.preface += first.len();
        let read = self.incoming.read(frames, &mut self.client.at(micros(now)));
        if let Err((passed, refusal)) = read {
            self.refused = Some(refusal);
            return refuse(first.len() + passed, refusal);
        }
        self.note_unfinished(frames.is_empty(), now);
        Ok(())
    }

    /// Looks at bytes that the server has sent.
    pub fn sent(&mut self, bytes: &[u8], now: Duration) -> Sent {
        let mut witness = Witness {
            client: &mut self.client,
            now: micros(now),
            sent: Sent::default(),
            flooded: false,
        };
        // It cannot refuse.
        let _ = self.outgoing.read(bytes, &mut witness);
        let Witness { sent, flooded, .. } = witness;
        if flooded && self.refused.is_none() {
            self.refused = Some(Refusal::Flood(Counted::OwnResets));
        }
        sent
    }

    /// Why the client is refused, if it is.
    #[must_use]
    pub const fn refused(&self) -> Option<Refusal> {
        self.refused
    }

    /// Refuses the client for a reason that lies outside of its bytes.
    pub fn refuse(&mut self, refusal: Refusal) {
        self.refused.get_or_insert(refusal);
    }

    /// Since when the preface, a frame or a header block has been waiting for its rest.
    #[must_use]
    pub const fn unfinished_since(&self) -> Option<Duration> {
        self.unfinished_since
    }

    /// The frame that tells the client why the connection ends (section 6.8), if the server is not in the middle of
    /// another one.
    #[must_use]
    pub fn farewell(&self, refusal: Refusal) -> Option<[u8; 17]> {
        if !self.outgoing.is_between() {
            return None;
        }
        let [a, b, c, d] = self.client.newest.to_be_bytes();
        let [e, f, g, h] = refusal.error_code().to_be_bytes();
        Some([0, 0, 8, 7, 0, 0, 0, 0, 0, a, b, c, d, e, f, g, h])
    }

    /// The time runs from the first byte of what is not whole; a client that sends one frame after the other begins anew
    /// with each.
    fn note_unfinished(&mut self, no_frame: bool, now: Duration) {
        if self.preface < PREFACE.len() {
            return;
        }
        self.unfinished_since = match self.client.open_block_since() {
            Some(since) => Some(Duration::from_micros(since)),
            None if self.incoming.is_between() => None,
            None if self.incoming.began() && !no_frame => Some(now),
            None => self.unfinished_since,
        };
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
