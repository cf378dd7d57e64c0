//! The guard itself: message after message.

use super::chunked::{self, Part};
use super::head::{self, Side, Whole};
use super::limits::{INTERIM_ANSWERS, Limits};
use super::reason::Reason;

/// Looks at every byte of one direction of a connection before a parser does.
///
/// What it has passed can be framed in one way only. After a refusal it passes nothing more. It holds no bytes: what is not
/// passed yet stays with the caller, at most the longest head that its [`Limits`] allow and what was read with it.
#[derive(Clone, Debug)]
pub struct Guard {
    side: Side,
    limits: Limits,
    state: State,
    /// For answers: the request that waits for one.
    asked: Option<Asked>,
    interim_answers: usize,
    refused: Option<Reason>,
}

/// The request that an answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// HEAD: the answer has no content, whatever its fields say (RFC 9110, section 9.3.2).
    Head,
    /// Any other method but CONNECT, which a gateway does not send.
    Other,
}

/// What may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Verdict {
    /// So many of the bytes, from the first on.
    pub passed: usize,
    /// Why nothing behind them will ever pass.
    pub refused: Option<Reason>,
}

/// Is told what passes, as the guard reads it.
pub trait Witness {
    /// A whole head, with its empty line.
    fn head(&mut self, head: &[u8]);
    /// Bytes of the body, without its coding.
    fn data(&mut self, data: &[u8]);
    /// The end of a message.
    fn end(&mut self);
}

/// Nobody listens.
impl Witness for () {
    fn head(&mut self, _: &[u8]) {}
    fn data(&mut self, _: &[u8]) {}
    fn end(&mut self) {}
}

#[derive(Clone, Debug)]
enum State {
    /// Between two messages, or inside a head.
    Head(head::Reader),
    /// So many bytes of a body of known length are still to come.
    Fixed(u64),
    Chunked(chunked::Reader),
}

impl Guard {
    /// For what a client sends.
    #[must_use]
    pub fn for_requests(limits: Limits) -> Self {
        Self::new(Side::Requests, limits)
    }

    /// For what a backend sends. Every request must be announced by [`Guard::expect_answer`] before its answer comes.
    #[must_use]
    pub fn for_answers(limits: Limits) -> Self {
        Self::new(Side::Answers, limits)
    }

    fn new(side: Side, limits: Limits) -> Self {
        Self {
            side,
            limits,
            state: State::Head(head::Reader::default()),
            asked: None,
            interim_answers: 0,
            refused: None,
        }
    }

    /// A request is about to be sent; one answer may come. Requests are not pipelined: the one before has been answered.
    pub fn expect_answer(&mut self, asked: Asked) {
        self.asked = Some(asked);
        self.interim_answers = 0;
    }

    /// Whether a message's head has passed and its body has not yet passed whole.
    #[must_use]
    pub const fn is_inside_body(&self) -> bool {
        !matches!(self.state, State::Head(_))
    }

    /// Looks at `bytes`, which begins with all that an earlier call was given and did not pass.
    ///
    /// A head passes when it is whole and good. Bodies pass as they come, the lines of the chunked coding when they are
    /// whole. How the stream is cut into calls changes nothing.
    pub fn judge(&mut self, bytes: &[u8]) -> Verdict {
        self.judge_before(bytes, &mut ())
    }

    /// The same, and tells `witness` what passes.
    pub fn judge_before(&mut self, bytes: &[u8], witness: &mut impl Witness) -> Verdict {
        let mut passed = 0;
        while self.refused.is_none() {
            let rest = bytes.get(passed..).unwrap_or_default();
            match self.step(rest, witness) {
                Ok(0) => break,
                Ok(length) => passed += length,
                Err(reason) => self.refused = Some(reason),
            }
        }
        Verdict {
            passed,
            refused: self.refused,
        }
    }

    /// Passes one part of a message; nothing when none is whole.
    fn step(&mut self, rest: &[u8], witness: &mut impl Witness) -> Result<usize, Reason> {
        if rest.is_empty() {
            return Ok(0);
        }
        match &mut self.state {
            State::Head(reader) => {
                if self.side == Side::Answers && self.asked.is_none() {
                    return Err(Reason::Unasked);
                }
                let Some(whole) = reader.read(rest, self.side, &self.limits)? else {
                    return Ok(0);
                };
                self.begin(&whole, rest, witness)?;
                Ok(whole.length)
            }
            State::Fixed(left) => {
                let take = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                *left = left.saturating_sub(take as u64);
                let is_over = *left == 0;
                witness.data(rest.get(..take).unwrap_or_default());
                if is_over {
                    self.end(witness);
                }
                Ok(take)
            }
            State::Chunked(reader) => match reader.next(rest, self.side, &self.limits)? {
                Part::Nothing => Ok(0),
                Part::Coding(length) => Ok(length),
                Part::Data(length) => {
                    witness.data(rest.get(..length).unwrap_or_default());
                    Ok(length)
                }
                Part::Last(length) => {
                    self.end(witness);
                    Ok(length)
                }
            },
        }
    }

    /// A whole head: what follows it.
    fn begin(&mut self, whole: &Whole, rest: &[u8], witness: &mut impl Witness) -> Result<(), Reason> {
        let declared = whole.declared;
        let empty = match whole.status {
            None => false,
            Some(line) => self.is_without_content(line.status, line.is_old, whole)?,
        };
        witness.head(rest.get(..whole.length).unwrap_or_default());
        match declared.length {
            _ if empty => self.end(witness),
            _ if declared.chunked => self.state = State::Chunked(chunked::Reader::default()),
            Some(0) | None => self.end(witness),
            Some(length) => self.state = State::Fixed(length),
        }
        Ok(())
    }

    /// Whether an answer ends with its head (RFC 9112, section 6.3).
    fn is_without_content(&mut self, status: u16, is_old: bool, whole: &Whole) -> Result<bool, Reason> {
        let declared = whole.declared;
        if declared.chunked && is_old {
            return Err(Reason::TransferEncodingUnexpected);
        }
        match status {
            101 => Err(Reason::ProtocolSwitch),
            100..=199 | 204 => {
                if declared.chunked {
                    return Err(Reason::TransferEncodingUnexpected);
                }
                // Many servers say `Content-Length: 0` with 204; it must not be there, and it changes nothing.
                if declared.length.is_some_and(|length| length > 0) {
                    return Err(Reason::ContentUnexpected);
                }
                Ok(true)
            }
            304 => Ok(true),
            _ if self.asked == Some(Asked::Head) => Ok(true),
            _ if declared.length.is_none() && !declared.chunked => Err(Reason::LengthMissing),
            _ => Ok(false),
        }
        .and_then(|empty| self.count_interim(status).map(|()| empty))
    }

    /// An interim answer is not the answer; a final one is.
    fn count_interim(&mut self, status: u16) -> Result<(), Reason> {
        if status >= 200 {
            self.asked = None;
            return Ok(());
        }
        self.interim_answers += 1;
        if self.interim_answers > INTERIM_ANSWERS {
            return Err(Reason::InterimAnswers);
        }
        Ok(())
    }

    fn end(&mut self, witness: &mut impl Witness) {
        self.state = State::Head(head::Reader::default());
        witness.end();
    }
}
