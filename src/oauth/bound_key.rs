//! The public keys behind `cnf.jkt`: a token names its key by a hash, a signature needs the key itself.
//!
//! Remembered when a token is issued and found by thumbprint ever after. The key's own hash is its name, so an entry can
//! be neither wrong nor out of date.

use countersign_jose::jwk::Jwk;
use countersign_jose::{PublicKey, Thumbprint};
use quick_cache::sync::Cache;

use crate::store::{Batch, Db, StoreError};

/// Keys kept in memory: under 400 bytes each, an Ed25519 point ready to verify with included.
const CACHED: usize = 1 << 16;

/// Finds public keys by thumbprint.
pub struct BoundKeys {
    db: Db,
    cache: Cache<Thumbprint, PublicKey>,
}

impl BoundKeys {
    /// Keys kept in `db`.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self {
            db,
            cache: Cache::new(CACHED),
        }
    }

    /// The key of this thumbprint, when a token was ever bound to it.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub async fn find(&self, thumbprint: &Thumbprint) -> Result<Option<PublicKey>, StoreError> {
        if let Some(key) = self.cache.get(thumbprint) {
            return Ok(Some(key));
        }
        let sql = "SELECT jwk FROM bound_key WHERE jkt = $1";
        let Some(row) = self
            .db
            .query_one(sql, vec![thumbprint.as_bytes().as_slice().into()])
            .await?
        else {
            return Ok(None);
        };
        let key = Jwk::from_json(row.text(0)?)
            .map_err(|_| StoreError::Corrupt("bound_key.jwk"))?
            .key;
        if key.thumbprint() != *thumbprint {
            return Err(StoreError::Corrupt("bound_key.jkt"));
        }
        self.cache.insert(*thumbprint, key.clone());
        Ok(Some(key))
    }
}

/// Remembers a key that a token is being bound to.
pub fn remember(batch: &mut Batch, key: &PublicKey) {
    let jwk = serde_json::Value::Object(Jwk::new(key.clone()).to_object()).to_string();
    batch.run(
        "INSERT INTO bound_key (jkt, jwk) VALUES ($1, $2) ON CONFLICT (jkt) DO NOTHING",
        vec![key.thumbprint().as_bytes().as_slice().into(), jwk.into()],
    );
}
