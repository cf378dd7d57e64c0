//! Why a request's body could not be read whole.

use std::error::Error;
use std::io;
use std::time::Duration;

use http_body_util::LengthLimitError;

use super::OauthError;
use crate::base::{Code, Fault};

/// How long a client waits that found no room for its body: others' bodies are done in about that time.
const WAIT: Duration = Duration::from_secs(1);

/// The door has no room in memory for more bytes of bodies, of this source or at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no room for more bytes of request bodies")]
pub struct NoRoom;

/// Why a request's body could not be read whole. Its error is what [`http_body_util::Limited`] over [`super::Body`] ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is longer than it may be here.
    TooLarge,
    /// It was not whole in time.
    TooSlow,
    /// There is no room for it now.
    NoRoom,
    /// It ended, or its framing broke, before it was whole.
    Cut,
}

impl Unread {
    /// What an error in reading a body means.
    #[must_use]
    pub fn of(error: &(dyn Error + 'static)) -> Self {
        let mut causes = std::iter::successors(Some(error), |error| (*error).source());
        let found = causes.find_map(|cause| match cause.downcast_ref::<io::Error>() {
            Some(late) if late.kind() == io::ErrorKind::TimedOut => Some(Self::TooSlow),
            _ if cause.is::<LengthLimitError>() => Some(Self::TooLarge),
            _ if cause.is::<NoRoom>() => Some(Self::NoRoom),
            _ => None,
        });
        found.unwrap_or(Self::Cut)
    }

    /// As a problem.
    #[must_use]
    pub fn fault(self) -> Fault {
        match self {
            Self::TooLarge => Fault::new(Code::BodyTooLarge),
            Self::TooSlow => Fault::new(Code::RequestMalformed)
                .detail("The body came too slowly; send it whole right after the head."),
            Self::NoRoom => Fault::new(Code::Overloaded).retry_after(WAIT).cause(NoRoom),
            Self::Cut => Fault::new(Code::RequestMalformed).detail("The body ended before it was complete."),
        }
    }

    /// As an error of an OAuth endpoint.
    #[must_use]
    pub fn oauth_error(self) -> OauthError {
        match self {
            Self::TooLarge => OauthError::invalid_request("the body is too large")
                .status(http::StatusCode::PAYLOAD_TOO_LARGE),
            Self::TooSlow => OauthError::invalid_request("the body came too slowly"),
            Self::NoRoom => OauthError::unavailable(NoRoom, WAIT),
            Self::Cut => OauthError::invalid_request("the body could not be read"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use http_body_util::{BodyExt as _, Limited};

    use super::super::Body;
    use super::*;

    /// A body that fails with this error as a door's body would.
    struct Failing(Option<Box<dyn Error + Send + Sync>>);

    impl http_body::Body for Failing {
        type Data = bytes::Bytes;
        type Error = Box<dyn Error + Send + Sync>;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<http_body::Frame<bytes::Bytes>, Self::Error>>> {
            Poll::Ready(self.0.take().map(Err))
        }
    }

    fn failing(error: impl Into<Box<dyn Error + Send + Sync>>) -> Body {
        Body::new(Failing(Some(error.into())))
    }

    #[tokio::test]
    async fn causes_are_told_apart_however_deep_they_are_wrapped() {
        let late = io::Error::new(io::ErrorKind::TimedOut, "late");
        let cut = io::Error::new(io::ErrorKind::UnexpectedEof, "cut");
        for (body, expected) in [
            (failing(NoRoom), Unread::NoRoom),
            (failing(late), Unread::TooSlow),
            (failing(cut), Unread::Cut),
            (Body::from("12345"), Unread::TooLarge),
        ] {
            let error = Limited::new(body, 4).collect().await.unwrap_err();
            assert_eq!(Unread::of(&*error), expected);
        }
        let fault = Unread::NoRoom.fault();
        assert_eq!((fault.code, fault.retry_after), (Code::Overloaded, Some(WAIT)));
        assert_eq!(Unread::NoRoom.oauth_error().status.as_u16(), 503);
    }
}
