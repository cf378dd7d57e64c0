//! The chunked coding (RFC 9112, section 7.1).

use super::field;
use super::head::Side;
use super::limits::{CHUNK_SIZE_DIGITS, Limits, TINY_CHUNK_BYTES, TINY_CHUNKS};
use super::line;
use super::reason::Reason;

/// A chunked body, read as far as it has come.
#[derive(Clone, Debug, Default)]
pub(super) struct Reader {
    state: State,
    tiny_chunks: usize,
}

#[derive(Clone, Debug, Default)]
enum State {
    /// Before a chunk's size.
    #[default]
    Size,
    /// So many bytes of the chunk are still to come.
    Data(u64),
    /// Before the CRLF behind a chunk's data.
    End,
    /// Behind the last chunk.
    Trailers(Trailers),
}

/// A trailer section, read as far as it has come. Places are counted from its first byte.
#[derive(Clone, Debug, Default)]
struct Trailers {
    line_at: usize,
    searched: usize,
    fields: usize,
}

/// What stands at the beginning of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Nothing that is whole.
    Nothing,
    /// So many bytes of the coding.
    Coding(usize),
    /// So many bytes of data.
    Data(usize),
    /// So many bytes of the coding, and with them the body ends.
    Last(usize),
}

impl Reader {
    /// The next part. `bytes` begins behind the part before, every time.
    pub(super) fn next(&mut self, bytes: &[u8], side: Side, limits: &Limits) -> Result<Part, Reason> {
        match &mut self.state {
            State::Size => self.size(bytes, side),
            State::Data(left) => {
                let take = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left = left.saturating_sub(take as u64);
                if *left == 0 {
                    self.state = State::End;
                }
                Ok(Part::Data(take))
            }
            State::End => self.end(bytes),
            State::Trailers(trailers) => match side {
                Side::Requests => no_trailers(bytes),
                Side::Answers => trailers.read(bytes, limits),
            },
        }
    }

    /// Digits and CRLF. Every byte is judged as it comes, so a line without end needs no bound of its own.
    fn size(&mut self, bytes: &[u8], side: Side) -> Result<Part, Reason> {
        let mut size = 0_u64;
        for (place, byte) in bytes.iter().enumerate() {
            if let Some(digit) = char::from(*byte).to_digit(16) {
                if place == CHUNK_SIZE_DIGITS {
                    return Err(Reason::ChunkSize);
                }
                size = size * 16 + u64::from(digit);
                continue;
            }
            return match byte {
                _ if place == 0 => Err(Reason::ChunkSize),
                b';' => Err(Reason::ChunkExtension),
                b'\n' => Err(Reason::BareLineFeed),
                b'\r' => match bytes.get(place + 1) {
                    None => Ok(Part::Nothing),
                    Some(b'\n') => self.begin(size, side).map(|()| Part::Coding(place + 2)),
                    Some(_) => Err(Reason::BareCarriageReturn),
                },
                _ => Err(Reason::ChunkSize),
            };
        }
        Ok(Part::Nothing)
    }

    fn begin(&mut self, size: u64, side: Side) -> Result<(), Reason> {
        if size == 0 {
            self.state = State::Trailers(Trailers::default());
            return Ok(());
        }
        // Answers are put together in one piece as they come.
        if size < TINY_CHUNK_BYTES && side == Side::Requests {
            self.tiny_chunks += 1;
            if self.tiny_chunks > TINY_CHUNKS {
                return Err(Reason::TinyChunks);
            }
        }
        self.state = State::Data(size);
        Ok(())
    }

    fn end(&mut self, bytes: &[u8]) -> Result<Part, Reason> {
        match bytes {
            [b'\r', b'\n', ..] => {
                self.state = State::Size;
                Ok(Part::Coding(2))
            }
            [] | [b'\r'] => Ok(Part::Nothing),
            _ => Err(Reason::ChunkEnd),
        }
    }
}

/// The empty line that ends a body without trailers.
fn no_trailers(bytes: &[u8]) -> Result<Part, Reason> {
    match bytes {
        [b'\r', b'\n', ..] => Ok(Part::Last(2)),
        [] | [b'\r'] => Ok(Part::Nothing),
        [b'\r', ..] => Err(Reason::BareCarriageReturn),
        [b'\n', ..] => Err(Reason::BareLineFeed),
        _ => Err(Reason::Trailers),
    }
}

impl Trailers {
    fn read(&mut self, bytes: &[u8], limits: &Limits) -> Result<Part, Reason> {
        loop {
            let until = bytes.len().min(limits.trailer_bytes);
            let unsearched = bytes.get(self.searched..until).unwrap_or_default();
            let Some(place) = line::find_line_feed(unsearched) else {
                self.searched = until;
                let full = until == limits.trailer_bytes;
                return if full {
                    Err(Reason::TrailersTooLarge)
                } else {
                    Ok(Part::Nothing)
                };
            };
            let end = self.searched + place + 1;
            let text = line::text(bytes.get(self.line_at..end).unwrap_or_default())?;
            (self.line_at, self.searched) = (end, end);
            if text.is_empty() {
                return Ok(Part::Last(end));
            }
            self.take(text, limits)?;
        }
    }

    fn take(&mut self, text: &[u8], limits: &Limits) -> Result<(), Reason> {
        let (name, _) = field::read(text)?;
        self.fields += 1;
        if self.fields > limits.header_count {
            return Err(Reason::TrailersTooLarge);
        }
        if field::may_trail(name) {
            Ok(())
        } else {
            Err(Reason::Trailers)
        }
    }
}
