//! From what went wrong inside to what an OAuth client reads.

use std::time::Duration;

use http::StatusCode;

use super::dpop::DpopRefusal;
use crate::answer::OauthError;
use crate::identity::LoginError;
use crate::store::StoreError;

/// How long a client waits when nothing can be recorded.
const STORE_WAIT: Duration = Duration::from_secs(5);

/// A DPoP proof at an endpoint of the authorization server (RFC 9449, sections 5 and 8).
pub(super) fn dpop(refusal: DpopRefusal) -> OauthError {
    match refusal {
        DpopRefusal::NonceRequired { fresh } => {
            let description = "put the nonce from the DPoP-Nonce header into a new proof";
            let mut error = OauthError::new("use_dpop_nonce", description);
            error.dpop_nonce = Some(fresh);
            error
        }
        DpopRefusal::Overloaded => OauthError::unavailable(DpopRefusal::Overloaded, Duration::from_secs(1)),
        other => OauthError::new("invalid_dpop_proof", other.to_string()),
    }
}

/// The store refused; nothing happened.
pub(super) fn store(error: impl std::fmt::Display) -> OauthError {
    OauthError::unavailable(error, STORE_WAIT)
}

/// A login that could not be judged.
pub(super) fn login(error: LoginError) -> OauthError {
    match error {
        LoginError::Overloaded { retry_after } => OauthError::unavailable(error, retry_after),
        LoginError::Vault(error) => store(error),
    }
}

/// A grant that cannot be exchanged: unknown, ended, used, or of another client or key.
pub(super) fn invalid_grant() -> OauthError {
    OauthError::new(
        "invalid_grant",
        "the grant is unknown, has ended, was used, or belongs to another client or key",
    )
}

/// The server itself is at fault.
pub(super) fn server(cause: impl std::fmt::Display) -> OauthError {
    let mut error =
        OauthError::new("server_error", "the server failed").status(StatusCode::INTERNAL_SERVER_ERROR);
    error.cause = Some(cause.to_string().into());
    error
}

impl From<StoreError> for OauthError {
    fn from(error: StoreError) -> Self {
        store(error)
    }
}
