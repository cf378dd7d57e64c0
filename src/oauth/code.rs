//! Authorization codes: 256 random bits, sixty seconds, once; a second use ends the session (FAPI-10).

use std::time::Duration;

use countersign_jose::sha256;

use super::pkce::CodeChallenge;
use super::scope::Scope;
use crate::base::{ClientId, Entropy, SessionId, Timestamp};
use crate::store::{Batch, Db, StoreError};

/// The guard of [`take`]: it does not hold when the code was used meanwhile.
pub const CODE_IS_UNUSED: &str = "authorization code is unused";
/// How long a code is kept after its end, so that a late second use still ends the session.
pub const USED_KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// What a code stands for.
#[derive(Clone, Debug)]
pub struct Code {
    /// The session that began when it was given.
    pub session: SessionId,
    /// The client it was given to.
    pub client: ClientId,
    /// The challenge its verifier must meet.
    pub challenge: CodeChallenge,
    /// What was granted.
    pub scope: Scope,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Whether it was used.
    pub used: bool,
}

/// Adds a fresh code for `code` to `batch`, and returns its text.
pub fn give(batch: &mut Batch, code: &Code, entropy: &dyn Entropy) -> String {
    let text = entropy.token(32);
    batch.run(
        "INSERT INTO authorization_code (hash, session, client, code_challenge, scope, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        vec![
            sha256(text.as_bytes()).as_slice().into(),
            code.session.as_str().into(),
            code.client.as_str().into(),
            code.challenge.as_str().into(),
            code.scope.to_string().into(),
            code.expires_at.into(),
        ],
    );
    text
}

/// What `text` stands for.
///
/// # Errors
/// [`StoreError`].
pub async fn find(db: &Db, text: &str) -> Result<Option<Code>, StoreError> {
    let row = db
        .query_one(
            "SELECT session, client, code_challenge, scope, expires_at, used_at FROM authorization_code WHERE hash = $1",
            vec![sha256(text.as_bytes()).as_slice().into()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let corrupt = || StoreError::Corrupt("authorization_code");
    Ok(Some(Code {
        session: SessionId::new(row.text(0)?),
        client: ClientId::new(row.text(1)?),
        challenge: CodeChallenge::parse(row.text(2)?).ok_or_else(corrupt)?,
        scope: Scope::parse(row.text(3)?).ok_or_else(corrupt)?,
        expires_at: row.time(4)?,
        used: row.optional_time(5)?.is_some(),
    }))
}

/// Uses the code up. The guard [`CODE_IS_UNUSED`] decides between two who use it at once.
pub fn take(batch: &mut Batch, text: &str, now: Timestamp) {
    batch.one_row(
        CODE_IS_UNUSED,
        "UPDATE authorization_code SET used_at = $2 WHERE hash = $1 AND used_at IS NULL AND expires_at > $2",
        vec![sha256(text.as_bytes()).as_slice().into(), now.into()],
    );
}
