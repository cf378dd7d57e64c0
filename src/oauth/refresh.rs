//! Refresh tokens: 256 random bits. For first-party apps each is exchanged for the next one, with ten seconds of grace for
//! the same key (an answer may get lost); later reuse ends the session. For `fapi2-*` clients it stays (FAPI-09).

use std::time::Duration;

use countersign_jose::sha256;

use super::scope::Scope;
use crate::base::{ClientId, Entropy, SessionId, Timestamp};
use crate::store::{Batch, Db, StoreError};

/// The guard of [`rotate`]: it does not hold when the token was rotated meanwhile.
pub const TOKEN_IS_CURRENT: &str = "refresh token is current";
/// How long a rotated token is still accepted from the same key.
pub const GRACE: Duration = Duration::from_secs(10);

/// What a refresh token stands for.
#[derive(Clone, Debug)]
pub struct RefreshToken {
    /// The session it belongs to.
    pub session: SessionId,
    /// The client it was given to.
    pub client: ClientId,
    /// What was granted.
    pub scope: Scope,
    /// When it was given.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was exchanged for the next one.
    pub rotated_at: Option<Timestamp>,
}

/// Adds a fresh token for `token` to `batch`, and returns its text.
pub fn give(batch: &mut Batch, token: &RefreshToken, entropy: &dyn Entropy) -> String {
    let text = entropy.token(32);
    batch.run(
        "INSERT INTO refresh_token (hash, session, client, scope, issued_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        vec![
            sha256(text.as_bytes()).as_slice().into(),
            token.session.as_str().into(),
            token.client.as_str().into(),
            token.scope.to_string().into(),
            token.issued_at.into(),
            token.expires_at.into(),
        ],
    );
    text
}

/// What `text` stands for.
///
/// # Errors
/// [`StoreError`].
pub async fn find(db: &Db, text: &str) -> Result<Option<RefreshToken>, StoreError> {
    let row = db
        .query_one(
            "SELECT session, client, scope, issued_at, expires_at, rotated_at FROM refresh_token WHERE hash = $1",
            vec![sha256(text.as_bytes()).as_slice().into()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(RefreshToken {
        session: SessionId::new(row.text(0)?),
        client: ClientId::new(row.text(1)?),
        scope: Scope::parse(row.text(2)?).ok_or(StoreError::Corrupt("refresh_token.scope"))?,
        issued_at: row.time(3)?,
        expires_at: row.time(4)?,
        rotated_at: row.optional_time(5)?,
    }))
}

/// Marks a token as exchanged. The guard [`TOKEN_IS_CURRENT`] decides between two who exchange it at once.
pub fn rotate(batch: &mut Batch, text: &str, now: Timestamp) {
    batch.one_row(
        TOKEN_IS_CURRENT,
        "UPDATE refresh_token SET rotated_at = $2 WHERE hash = $1 AND rotated_at IS NULL AND expires_at > $2",
        vec![sha256(text.as_bytes()).as_slice().into(), now.into()],
    );
}
