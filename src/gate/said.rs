//! What a backend's answer says about a payment of the record.

use http::StatusCode;

use super::kept::Kept;
use crate::transaction::inquiry::Word;
use crate::upstream::{Answer, SendError};

/// What a backend said about a payment, with what is to be kept of it.
pub(super) struct Said {
    pub(super) word: Word,
    pub(super) answer: Option<(StatusCode, Option<[u8; 32]>, Kept)>,
}

/// How a payment was settled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The backend did what was asked.
    Executed,
    /// It answered that it did not and will not.
    Refused,
    /// It knows of no such payment.
    NotExecuted,
}

impl Verdict {
    /// As metrics and the log of the process have it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Executed => "executed",
            Self::Refused => "refused",
            Self::NotExecuted => "not-executed",
        }
    }
}

impl Said {
    const NOTHING: Self = Self {
        word: Word::Nothing,
        answer: None,
    };

    /// What the answer to a question says. It was signed by the backend, or came over mutual authentication.
    pub(super) fn about(answer: Result<Answer, SendError>) -> Self {
        match answer {
            Ok(answer) if matches!(answer.status, StatusCode::OK | StatusCode::CREATED) => {
                Self::answered(&answer)
            }
            Ok(answer) if matches!(answer.status, StatusCode::NOT_FOUND | StatusCode::GONE) => Self {
                word: Word::NotFound,
                answer: None,
            },
            _ => Self::NOTHING,
        }
    }

    /// What the answer to a repeated request says: the payment's own answer, unless it is about the moment.
    pub(super) fn again(answer: Result<Answer, SendError>) -> Self {
        match answer {
            Ok(answer) if is_about_the_moment(answer.status) => Self::NOTHING,
            Ok(answer) => Self::answered(&answer),
            Err(SendError::TooLarge { status, .. }) if is_about_the_moment(status) => Self::NOTHING,
            Err(SendError::TooLarge { status, digest }) => Self {
                word: Word::Executed(digest.unwrap_or_default()),
                answer: Some((status, digest, Kept::too_large(status, digest))),
            },
            Err(_) => Self::NOTHING,
        }
    }

    /// What it comes to. A backend that refuses has answered, and executed nothing.
    pub(super) fn verdict(&self) -> Verdict {
        match &self.answer {
            Some((status, ..)) if status.is_success() => Verdict::Executed,
            Some(_) => Verdict::Refused,
            None => Verdict::NotExecuted,
        }
    }

    fn answered(answer: &Answer) -> Self {
        let digest = countersign_jose::sha256(&answer.body);
        let both = [answer.status.as_str().as_bytes(), &digest].concat();
        Self {
            word: Word::Executed(countersign_jose::sha256(&both)),
            answer: Some((answer.status, Some(digest), Kept::whole(answer))),
        }
    }
}

/// The first copy is being processed, or the backend cannot say now.
fn is_about_the_moment(status: StatusCode) -> bool {
    status.is_server_error()
        || status.is_redirection()
        || matches!(
            status,
            StatusCode::CONFLICT
                | StatusCode::REQUEST_TIMEOUT
                | StatusCode::TOO_EARLY
                | StatusCode::TOO_MANY_REQUESTS
                | StatusCode::UNAUTHORIZED
        )
}
