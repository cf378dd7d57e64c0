//! Cutting bytes into frames (RFC 9113, section 4.1), however they come.

/// Bytes of a frame's head.
const HEAD_BYTES: usize = 9;

pub(super) const DATA: u8 = 0x0;
pub(super) const HEADERS: u8 = 0x1;
pub(super) const PRIORITY: u8 = 0x2;
pub(super) const RST_STREAM: u8 = 0x3;
pub(super) const SETTINGS: u8 = 0x4;
pub(super) const PUSH_PROMISE: u8 = 0x5;
pub(super) const PING: u8 = 0x6;
pub(super) const GOAWAY: u8 = 0x7;
pub(super) const WINDOW_UPDATE: u8 = 0x8;
pub(super) const CONTINUATION: u8 = 0x9;

pub(super) const ACK: u8 = 0x1;
pub(super) const END_STREAM: u8 = 0x1;
pub(super) const END_HEADERS: u8 = 0x4;
pub(super) const PADDED: u8 = 0x8;
pub(super) const WITH_PRIORITY: u8 = 0x20;

/// The head of a frame.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Head {
    /// Bytes of the payload.
    pub(super) length: u32,
    pub(super) kind: u8,
    pub(super) flags: u8,
    /// Without the reserved bit, which has no meaning.
    pub(super) stream: u32,
}

impl Head {
    const fn parse([a, b, c, kind, flags, d, e, f, g]: [u8; HEAD_BYTES]) -> Self {
        Self {
            length: u32::from_be_bytes([0, a, b, c]),
            kind,
            flags,
            stream: number([d, e, f, g]),
        }
    }

    pub(super) const fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// A number of 31 bits, as stream identifiers and window sizes are.
pub(super) const fn number(bytes: [u8; 4]) -> u32 {
    u32::from_be_bytes(bytes) & 0x7fff_ffff
}

/// The first four bytes from `at` on.
pub(super) fn number_at(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..).and_then(|rest| rest.first_chunk());
    four.copied().map_or(0, number)
}

/// What is done with frames as they pass.
pub(super) trait Rules {
    type Refusal;

    /// A frame begins. How many bytes of its payload are wanted: at most nine, and no more than it has.
    fn begins(&mut self, head: Head) -> Result<usize, Self::Refusal>;

    /// The bytes that were wanted.
    fn shows(&mut self, head: Head, prefix: &[u8]) -> Result<(), Self::Refusal>;
}

/// Where a stream of frames stands.
#[derive(Debug, Default)]
pub(super) struct Frames {
    buffer: [u8; HEAD_BYTES],
    /// Bytes in `buffer`, of the head or of the payload.
    held: usize,
    /// The frame whose payload is being read.
    current: Option<Payload>,
    /// Whether the frame that is not whole began in the bytes that were read last.
    began: bool,
}

#[derive(Clone, Copy, Debug)]
struct Payload {
    head: Head,
    /// Bytes that have not come yet.
    left: usize,
    /// Bytes still to be shown; zero once they have been.
    wanted: usize,
}

impl Frames {
    /// Whether the last frame is whole.
    pub(super) const fn is_between(&self) -> bool {
        self.held == 0 && self.current.is_none()
    }

    /// Whether the frame that is not whole began in the bytes that were read last.
    pub(super) const fn began(&self) -> bool {
        self.began
    }

    /// Reads on.
    ///
    /// # Errors
    /// A frame is refused; the number says where in `bytes` it begins, zero if before them.
    pub(super) fn read<R: Rules>(&mut self, bytes: &[u8], rules: &mut R) -> Result<(), (usize, R::Refusal)> {
        let (mut rest, mut begin) = (bytes, 0);
        self.began = false;
        while !rest.is_empty() {
            if self.is_between() {
                begin = bytes.len() - rest.len();
                self.began = true;
            }
            let step = match self.current {
                None => self.head(&mut rest, rules),
                Some(payload) => self.payload(payload, &mut rest, rules),
            };
            step.map_err(|refusal| (begin, refusal))?;
        }
        Ok(())
    }

    fn head<R: Rules>(&mut self, rest: &mut &[u8], rules: &mut R) -> Result<(), R::Refusal> {
        if !self.hold(rest, HEAD_BYTES) {
            return Ok(());
        }
        self.held = 0;
        let head = Head::parse(self.buffer);
        let wanted = rules.begins(head)?;
        if head.length > 0 {
            let left = usize::try_from(head.length).unwrap_or(usize::MAX);
            let wanted = wanted.min(left).min(HEAD_BYTES);
            self.current = Some(Payload { head, left, wanted });
        }
        Ok(())
    }

    fn payload<R: Rules>(
        &mut self,
        mut payload: Payload,
        rest: &mut &[u8],
        rules: &mut R,
    ) -> Result<(), R::Refusal> {
        let before = rest.len();
        if payload.wanted > 0 {
            if self.hold(rest, payload.wanted) {
                self.held = 0;
                rules.shows(
                    payload.head,
                    self.buffer.get(..payload.wanted).unwrap_or_default(),
                )?;
                payload.wanted = 0;
            }
        } else {
            *rest = rest.get(payload.left..).unwrap_or_default();
        }
        payload.left = payload.left.saturating_sub(before - rest.len());
        self.current = (payload.left > 0).then_some(payload);
        Ok(())
    }

    /// Moves bytes into the buffer until it holds `wanted`; `false` if there are too few.
    fn hold(&mut self, rest: &mut &[u8], wanted: usize) -> bool {
        while self.held < wanted {
            let Some((byte, after)) = rest.split_first() else {
                return false;
            };
            if let Some(place) = self.buffer.get_mut(self.held) {
                *place = *byte;
            }
            self.held += 1;
            *rest = after;
        }
        true
    }
}
