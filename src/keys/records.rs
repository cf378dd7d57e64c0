//! Keys in the store: SQL and rows.

use countersign_jose::jwk::Jwk;

use super::purpose::{Purpose, State};
use crate::base::Timestamp;
use crate::store::{Batch, Db, Row, StoreError};

/// One row of the keyring.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) kid: String,
    pub(super) purpose: Purpose,
    pub(super) state: State,
    pub(super) public: Option<Jwk>,
    pub(super) sealed: Option<Vec<u8>>,
    pub(super) created_at: Timestamp,
    pub(super) active_at: Timestamp,
    pub(super) retire_at: Option<Timestamp>,
    pub(super) destroy_at: Option<Timestamp>,
}

pub(super) async fn all(db: &Db) -> Result<Vec<Record>, StoreError> {
    let sql = "SELECT kid, purpose, state, public_jwk, sealed, created_at, active_at, retire_at, destroy_at \
               FROM key ORDER BY created_at, kid";
    db.query(sql, Vec::new()).await?.iter().map(read).collect()
}

fn read(row: &Row) -> Result<Record, StoreError> {
    let corrupt = StoreError::Corrupt("key");
    let public = row
        .optional_text(3)?
        .map(Jwk::from_json)
        .transpose()
        .map_err(|_| corrupt.clone())?;
    Ok(Record {
        kid: row.text(0)?.to_owned(),
        purpose: Purpose::from_name(row.text(1)?).ok_or_else(|| corrupt.clone())?,
        state: State::from_name(row.text(2)?).ok_or(corrupt)?,
        public,
        sealed: row.optional_bytes(4)?.map(<[u8]>::to_vec),
        created_at: row.time(5)?,
        active_at: row.time(6)?,
        retire_at: row.optional_time(7)?,
        destroy_at: row.optional_time(8)?,
    })
}

pub(super) fn insert(batch: &mut Batch, record: &Record) {
    let public = record
        .public
        .as_ref()
        .map(|jwk| serde_json::Value::Object(jwk.to_object()).to_string());
    batch.one_row(
        "key is new",
        "INSERT INTO key (kid, purpose, state, public_jwk, sealed, created_at, active_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        vec![
            record.kid.as_str().into(),
            record.purpose.name().into(),
            record.state.name().into(),
            public.into(),
            record.sealed.clone().into(),
            record.created_at.into(),
            record.active_at.into(),
        ],
    );
}

/// Moves a key from one state to the next; the guard fails when another node did it first.
pub(super) fn change_state(
    batch: &mut Batch,
    record: &Record,
    to: State,
    at: Timestamp,
    destroy_at: Option<Timestamp>,
) {
    let sealed_away = matches!(to, State::Destroyed | State::Compromised);
    batch.one_row(
        "key is in the expected state",
        "UPDATE key SET state = $1, \
           retire_at = CASE WHEN $1 = 'retiring' OR $1 = 'compromised' THEN $2 ELSE retire_at END, \
           active_at = CASE WHEN $1 = 'active' THEN $2 ELSE active_at END, \
           destroy_at = CASE WHEN $3 IS NULL THEN destroy_at ELSE $3 END, \
           sealed = CASE WHEN $4 = 1 THEN NULL ELSE sealed END \
         WHERE kid = $5 AND state = $6",
        vec![
            to.name().into(),
            at.into(),
            destroy_at.into(),
            sealed_away.into(),
            record.kid.as_str().into(),
            record.state.name().into(),
        ],
    );
}
