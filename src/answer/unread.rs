//! Why a request's body could not be read whole.

use std::error::Error;
use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::{Body, OauthError};
use crate::base::{Code, Fault};

/// How long a client waits that found no room for its body: others' bodies are done in about that time.
const WAIT: Duration = Duration::from_secs(1);

/// The door has no room in memory for more bytes of bodies, of this source or at all. Among the extensions of a request: its
/// source has as many answers as it may that it does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no room for more bytes of bodies")]
pub struct NoRoom;

impl NoRoom {
    /// What the client reads.
    #[must_use]
    pub fn fault(self) -> Fault {
        Fault::new(Code::Overloaded).retry_after(WAIT).cause(self)
    }
}

/// The whole of a request's body, of at most `longest` bytes, in one piece of memory: a body that comes byte by byte takes
/// no more of it than one that comes at once. Kept piece by piece, each byte would take some sixty.
///
/// # Errors
/// [`Unread::of`] tells what they mean.
pub async fn read_whole(body: Body, longest: usize) -> Result<Bytes, Box<dyn Error + Send + Sync>> {
    let mut body = Limited::new(body, longest);
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        // Trailers are no part of what was signed, and nobody reads them.
        let Ok(piece) = frame?.into_data() else { continue };
        if first.is_empty() && whole.is_empty() {
            // Most bodies come in one piece, which is not copied.
            first = piece;
            continue;
        }
        whole.extend_from_slice(&std::mem::take(&mut first));
        whole.extend_from_slice(&piece);
    }
    Ok(if whole.is_empty() { first } else { whole.freeze() })
}

/// Why a request's body could not be read whole. Its error is what [`read_whole`] ends with.
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
            Self::NoRoom => NoRoom.fault(),
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

    /// A body that comes in these pieces.
    struct Pieces(std::vec::IntoIter<&'static str>);

    impl http_body::Body for Pieces {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
            let piece = self.0.next();
            Poll::Ready(piece.map(|piece| Ok(http_body::Frame::data(piece.into()))))
        }
    }

    #[tokio::test]
    async fn a_body_is_the_same_in_whatever_pieces_it_comes() {
        for (pieces, expected) in [
            (vec![], Some("")),
            (vec![""], Some("")),
            (vec!["paid"], Some("paid")),
            (vec!["", "p", "", "a", "id"], Some("paid")),
            (vec!["p", "a", "i", "d", ""], Some("paid")),
            (vec!["pai", "ds"], None),
            (vec!["p", "a", "i", "d", "s"], None),
        ] {
            let body = Body::new(Pieces(pieces.clone().into_iter()));
            match (read_whole(body, 4).await, expected) {
                (Ok(whole), Some(expected)) => assert_eq!(whole, expected, "{pieces:?}"),
                (Err(error), None) => assert_eq!(Unread::of(&*error), Unread::TooLarge),
                (outcome, _) => panic!("{pieces:?}: {outcome:?}"),
            }
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
            let error = read_whole(body, 4).await.unwrap_err();
            assert_eq!(Unread::of(&*error), expected);
        }
        let fault = Unread::NoRoom.fault();
        assert_eq!((fault.code, fault.retry_after), (Code::Overloaded, Some(WAIT)));
        assert_eq!(Unread::NoRoom.oauth_error().status.as_u16(), 503);
    }
}
