//! Why a client is refused.

/// What a client can send too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Counted {
    /// RST_STREAM.
    Resets,
    /// What made the server reset or refuse streams.
    OwnResets,
    /// SETTINGS.
    Settings,
    /// PING.
    Pings,
    /// PRIORITY.
    Priorities,
    /// WINDOW_UPDATE.
    WindowUpdates,
    /// DATA without a byte.
    EmptyData,
    /// DATA with a few bytes.
    TinyData,
    /// Trailers.
    Trailers,
    /// Frames of unknown kinds.
    Unknown,
    /// GOAWAY.
    Goaways,
    /// CONTINUATION in one header block.
    Continuations,
    /// Bytes of one header block.
    HeaderBytes,
}

/// Why a client is refused. After it the connection is closed; nothing that the client says can be trusted to mean what it
/// seems to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The connection does not begin as HTTP/2 (section 3.4).
    #[error("the connection does not begin with the preface of HTTP/2")]
    Preface,
    /// The first frame is not SETTINGS (section 3.4).
    #[error("the first frame is not SETTINGS")]
    NoSettings,
    /// A frame is larger than allowed (section 4.2).
    #[error("a frame is larger than allowed")]
    FrameSize,
    /// A frame of a fixed length has another one (section 6).
    #[error("a frame does not have the length of its kind")]
    Length,
    /// A frame belongs to a stream it cannot belong to: none where one is needed, one where none is, an even number, or one
    /// that was never opened (sections 5.1 and 5.1.1).
    #[error("a frame names a stream that it cannot belong to")]
    Stream,
    /// More padding than payload (section 6.1).
    #[error("a frame has more padding than payload")]
    Padding,
    /// A stream that depends on itself (RFC 7540, section 5.3.1).
    #[error("a stream depends on itself")]
    SelfDependency,
    /// A window update by nothing (section 6.9).
    #[error("a window is updated by nothing")]
    NoIncrement,
    /// A client cannot push (section 8.4).
    #[error("a client has sent PUSH_PROMISE")]
    Push,
    /// Another frame inside a header block, or a part of a header block outside of one (section 6.10).
    #[error("a header block is interrupted, or continued without a beginning")]
    HeaderBlock,
    /// A second header section that does not end its stream (section 8.1).
    #[error("a second header section does not end its stream")]
    Trailers,
    /// An acknowledgement of what was not sent (section 6.5.3; section 6.7).
    #[error("something is acknowledged that was not sent")]
    Acknowledgement,
    /// A frame or a header block is not whole in time.
    #[error("a frame was not whole in time")]
    Slow,
    /// An answer was not taken in time (CVE-2026-49975).
    #[error("an answer was not taken in time")]
    Stalled,
    /// Too much of something (section 10.5).
    #[error("too much of {0:?}")]
    Flood(Counted),
}

impl Refusal {
    /// A word for it, for metrics and logs.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Preface => "preface",
            Self::NoSettings => "no-settings",
            Self::FrameSize => "frame-size",
            Self::Length => "length",
            Self::Stream => "stream",
            Self::Padding => "padding",
            Self::SelfDependency => "self-dependency",
            Self::NoIncrement => "no-increment",
            Self::Push => "push",
            Self::HeaderBlock => "header-block",
            Self::Trailers => "trailers",
            Self::Acknowledgement => "acknowledgement",
            Self::Slow => "slow",
            Self::Stalled => "stalled",
            Self::Flood(counted) => counted.reason(),
        }
    }

    /// Whether it is about how much was sent or how slowly, and not about its form.
    #[must_use]
    pub const fn is_flood(self) -> bool {
        matches!(self, Self::Flood(_) | Self::Slow | Self::Stalled)
    }

    /// The error code that tells the client (section 7).
    #[must_use]
    pub const fn error_code(self) -> u32 {
        const PROTOCOL_ERROR: u32 = 0x1;
        const FRAME_SIZE_ERROR: u32 = 0x6;
        const ENHANCE_YOUR_CALM: u32 = 0xb;
        match self {
            Self::FrameSize | Self::Length => FRAME_SIZE_ERROR,
            _ if self.is_flood() => ENHANCE_YOUR_CALM,
            _ => PROTOCOL_ERROR,
        }
    }
}

impl Counted {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Resets,
        Self::OwnResets,
        Self::Settings,
        Self::Pings,
        Self::Priorities,
        Self::WindowUpdates,
        Self::EmptyData,
        Self::TinyData,
        Self::Trailers,
        Self::Unknown,
        Self::Goaways,
        Self::Continuations,
        Self::HeaderBytes,
    ];

    const fn reason(self) -> &'static str {
        match self {
            Self::Resets => "resets",
            Self::OwnResets => "own-resets",
            Self::Settings => "settings",
            Self::Pings => "pings",
            Self::Priorities => "priorities",
            Self::WindowUpdates => "window-updates",
            Self::EmptyData => "empty-data",
            Self::TinyData => "tiny-data",
            Self::Trailers => "trailers-flood",
            Self::Unknown => "unknown-frames",
            Self::Goaways => "goaways",
            Self::Continuations => "continuations",
            Self::HeaderBytes => "header-bytes",
        }
    }
}
