//! A message's head: its lines one after the other, within their bounds.

use std::ops::Range;

use super::field::{self, Declared};
use super::limits::{EMPTY_LINES, Limits, METHOD_BYTES, STATUS_LINE_BYTES};
use super::line;
use super::reason::Reason;
use super::start_line::{self, StatusLine};

/// Which side sends the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Requests,
    Answers,
}

/// A head that was read as far as it has come. Places are counted from its first byte.
#[derive(Clone, Debug, Default)]
pub(super) struct Reader {
    /// Where the line begins that is not whole yet.
    line_at: usize,
    /// Up to where that line was searched for its end.
    searched: usize,
    empty_lines: usize,
    start: Option<Start>,
    section_at: usize,
    fields: usize,
    declared: Declared,
    host_line: Range<usize>,
}

/// What the first line said.
#[derive(Clone, Debug)]
enum Start {
    Request {
        takes_no_content: bool,
        /// The line itself, when its target names an authority.
        with_authority: Option<Range<usize>>,
    },
    Answer(StatusLine),
}

/// A whole head.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whole {
    /// Its bytes, with the empty line at its end.
    pub(super) length: usize,
    pub(super) declared: Declared,
    /// Of an answer.
    pub(super) status: Option<StatusLine>,
}

impl Reader {
    /// Reads on. `bytes` begins with the head's first byte every time.
    pub(super) fn read(
        &mut self,
        bytes: &[u8],
        side: Side,
        limits: &Limits,
    ) -> Result<Option<Whole>, Reason> {
        while let Some(range) = self.next_line(bytes, side, limits)? {
            let line = bytes.get(range.clone()).unwrap_or_default();
            let text = line::text(line)?;
            if self.start.is_none() {
                self.take_start(text, range, side, limits)?;
            } else if text.is_empty() {
                return self.finish(bytes).map(Some);
            } else {
                self.take_field(text, range, limits)?;
            }
        }
        Ok(None)
    }

    /// The next line with its LF, when it is whole. One that is longer than its bound is refused as soon as that is known,
    /// whole or not.
    fn next_line(
        &mut self,
        bytes: &[u8],
        side: Side,
        limits: &Limits,
    ) -> Result<Option<Range<usize>>, Reason> {
        let bound = self.line_at.saturating_add(self.line_bytes(side, limits));
        let until = bytes.len().min(bound);
        let unsearched = bytes.get(self.searched..until).unwrap_or_default();
        if let Some(place) = line::find_line_feed(unsearched) {
            let end = self.searched + place + 1;
            let range = self.line_at..end;
            (self.line_at, self.searched) = (end, end);
            return Ok(Some(range));
        }
        if until == bound {
            let line = bytes.get(self.line_at..until).unwrap_or_default();
            return Err(self.too_long(line, side));
        }
        self.searched = until;
        Ok(None)
    }

    /// How long the line that is read now may be.
    fn line_bytes(&self, side: Side, limits: &Limits) -> usize {
        match (&self.start, side) {
            (None, Side::Requests) => METHOD_BYTES + limits.target_bytes + " ".len() + " HTTP/1.1\r\n".len(),
            (None, Side::Answers) => STATUS_LINE_BYTES,
            (Some(_), _) => limits.header_bytes.saturating_sub(self.line_at - self.section_at),
        }
    }

    fn too_long(&self, line: &[u8], side: Side) -> Reason {
        match (&self.start, side) {
            (None, Side::Requests) => start_line::too_long(line),
            (None, Side::Answers) => Reason::StatusLine,
            (Some(_), _) => Reason::HeadersTooLarge,
        }
    }

    fn take_start(
        &mut self,
        text: &[u8],
        range: Range<usize>,
        side: Side,
        limits: &Limits,
    ) -> Result<(), Reason> {
        if text.is_empty() {
            self.empty_lines += 1;
            let may = side == Side::Requests && self.empty_lines <= EMPTY_LINES;
            return if may { Ok(()) } else { Err(Reason::EmptyLines) };
        }
        self.section_at = range.end;
        self.start = Some(match side {
            Side::Answers => Start::Answer(start_line::status(text)?),
            Side::Requests => {
                let line = start_line::request(text, limits.target_bytes)?;
                Start::Request {
                    takes_no_content: line.takes_no_content,
                    with_authority: line.authority.map(|_| range),
                }
            }
        });
        Ok(())
    }

    fn take_field(&mut self, text: &[u8], range: Range<usize>, limits: &Limits) -> Result<(), Reason> {
        let (name, value) = field::read(text)?;
        self.fields += 1;
        if self.fields > limits.header_count {
            return Err(Reason::TooManyFields);
        }
        let had_host = self.declared.host;
        self.declared.take(name, value)?;
        if self.declared.host != had_host {
            self.host_line = range;
        }
        Ok(())
    }

    /// What only the whole head shows.
    fn finish(&self, bytes: &[u8]) -> Result<Whole, Reason> {
        let status = match &self.start {
            Some(Start::Answer(line)) => Some(*line),
            Some(Start::Request {
                takes_no_content,
                with_authority,
            }) => {
                self.check_host(bytes, with_authority.as_ref())?;
                if *takes_no_content
                    && (self.declared.chunked || self.declared.length.unwrap_or_default() > 0)
                {
                    return Err(Reason::ContentUnexpected);
                }
                None
            }
            None => None,
        };
        Ok(Whole {
            length: self.line_at,
            declared: self.declared,
            status,
        })
    }

    fn check_host(&self, bytes: &[u8], with_authority: Option<&Range<usize>>) -> Result<(), Reason> {
        if !self.declared.host {
            return Err(Reason::HostMissing);
        }
        let Some(range) = with_authority else {
            return Ok(());
        };
        // Both lines were read before; only this rare form of target needs them once more.
        let line = |range: &Range<usize>| line::text(bytes.get(range.clone()).unwrap_or_default());
        let (_, host) = field::read(line(&self.host_line)?)?;
        let request = start_line::request(line(range)?, usize::MAX)?;
        if request
            .authority
            .is_some_and(|authority| authority.eq_ignore_ascii_case(host))
        {
            Ok(())
        } else {
            Err(Reason::HostMismatch)
        }
    }
}
