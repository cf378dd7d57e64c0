//! The keyring: keys in the store, and the picture of them that everyone uses.

use std::sync::Arc;

use arc_swap::ArcSwap;
use countersign_jose::jwk::Jwk;
use countersign_jose::{PrivateKey, jws};
use zeroize::Zeroizing;

use super::picture::{context, picture};
use super::purpose::{Purpose, State};
use super::records::{self, Record};
use super::rotation::{self, Change, Schedule};
use super::seal::SealKey;
use super::set::KeySet;
use crate::base::{AdminName, Clock, Entropy, Event, Timestamp};
use crate::store::{Batch, Db, StoreError};

/// Why the keyring did not do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum KeyError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key in the store cannot be opened: the key-encryption key is another one, or the row was changed.
    #[error("key {0} cannot be opened with this key-encryption key; check `[keys] kek`")]
    Unsealable(String),
    /// A key could not be made.
    #[error("a new key could not be made")]
    Generation,
    /// A rotation of this purpose is already under way.
    #[error("a rotation of '{0}' is under way; wait until its key is active, or use --now")]
    UnderWay(&'static str),
    /// There is no key of this name that could be revoked.
    #[error("there is no key called '{0}' that could be revoked")]
    Unknown(String),
}

/// What a rotation does, or would do.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Rotation {
    /// The purpose.
    pub purpose: &'static str,
    /// The key that signs now.
    pub active: Option<String>,
    /// The key that will sign next; absent in a dry run.
    pub next: Option<String>,
    /// When it begins to sign.
    pub active_at: Timestamp,
    /// Until when what the old key signed is accepted.
    pub old_verifies_until: Timestamp,
}

/// What may be told of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFacts {
    /// The name.
    pub kid: String,
    /// What it is for.
    pub purpose: Purpose,
    /// Where it stands.
    pub state: State,
    /// The JOSE algorithm, for key pairs.
    pub algorithm: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it began or will begin to sign or seal.
    pub active_at: Timestamp,
    /// When it stopped.
    pub retired_at: Option<Timestamp>,
    /// When its private part is to go, or went.
    pub destroy_at: Option<Timestamp>,
}

/// A key just made: its name, the public half where it has one, and what is to be sealed.
struct Fresh {
    kid: String,
    public: Option<Jwk>,
    secret: Zeroizing<Vec<u8>>,
}

/// The keys of the gateway.
pub struct Keyring {
    db: Db,
    kek: SealKey,
    schedule: Schedule,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    current: ArcSwap<KeySet>,
    /// One change of the keyring at a time in this process; between processes the store's guards decide.
    changing: tokio::sync::Mutex<()>,
}

impl Keyring {
    /// Opens the keyring in `db` and makes the first key of every purpose that has none.
    ///
    /// # Errors
    /// [`KeyError::Unsealable`] when `kek` is not the one the keys were sealed with; [`KeyError::Store`].
    pub async fn open(
        db: Db,
        kek: SealKey,
        schedule: Schedule,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, KeyError> {
        let keyring = Self {
            db,
            kek,
            schedule,
            clock,
            entropy,
            current: ArcSwap::default(),
            changing: tokio::sync::Mutex::new(()),
        };
        keyring.create_missing().await?;
        keyring.refresh().await?;
        Ok(keyring)
    }

    /// The keys as they stand.
    #[must_use]
    pub fn current(&self) -> Arc<KeySet> {
        self.current.load_full()
    }

    /// The spans rotations keep.
    #[must_use]
    pub const fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// Every key there is or was, by purpose, the oldest first.
    ///
    /// # Errors
    /// [`KeyError::Store`].
    pub async fn list(&self) -> Result<Vec<KeyFacts>, KeyError> {
        let mut keys: Vec<_> = records::all(&self.db).await?.into_iter().map(facts).collect();
        keys.sort_by_key(|key| key.purpose);
        Ok(keys)
    }

    /// Does what the schedule says is due; called every second.
    ///
    /// # Errors
    /// [`KeyError`]; what was done before it stays done.
    pub async fn tick(&self) -> Result<(), KeyError> {
        let _one = self.changing.lock().await;
        let records = records::all(&self.db).await?;
        let keys: Vec<_> = records.iter().map(view).collect();
        let now = self.clock.now();
        for purpose in Purpose::ALL {
            for change in rotation::due(&keys, purpose, &self.schedule, now) {
                self.apply(&records, change, now).await?;
            }
        }
        self.refresh().await
    }

    /// Begins a rotation: publishes the next key of `purpose`; it signs after the schedule's wait, or at once with
    /// `immediately`.
    ///
    /// # Errors
    /// [`KeyError::UnderWay`] when a next key is waiting already and `immediately` is not set; [`KeyError::Store`].
    pub async fn rotate(
        &self,
        purpose: Purpose,
        immediately: bool,
        by: &AdminName,
    ) -> Result<Rotation, KeyError> {
        let _one = self.changing.lock().await;
        let records = records::all(&self.db).await?;
        let now = self.clock.now();
        let waiting = records
            .iter()
            .find(|key| key.purpose == purpose && key.state == State::PreActive);
        let mut batch = Batch::new();
        let next = match waiting {
            Some(_) if !immediately => return Err(KeyError::UnderWay(purpose.name())),
            Some(waiting) => waiting.clone(),
            None => {
                let wait = if immediately {
                    std::time::Duration::ZERO
                } else {
                    self.schedule.publish_ahead
                };
                self.publish(&mut batch, purpose, now.plus(wait))?
            }
        };
        batch.record(
            now,
            &*self.entropy,
            &Event::AdminActed {
                admin: by.clone(),
                action: "keys_rotate",
            },
        );
        if immediately {
            self.activate(&mut batch, &records, &next, now);
        }
        self.db.commit(batch).await?;
        self.refresh().await?;
        Ok(Rotation {
            next: Some(next.kid),
            ..self.preview_of(&records, purpose, immediately, now)
        })
    }

    /// What [`Keyring::rotate`] would do.
    ///
    /// # Errors
    /// [`KeyError::Store`].
    pub async fn preview(&self, purpose: Purpose, immediately: bool) -> Result<Rotation, KeyError> {
        let records = records::all(&self.db).await?;
        Ok(self.preview_of(&records, purpose, immediately, self.clock.now()))
    }

    /// Marks a key compromised: nothing it signed is accepted from now on, and a fresh key takes its place at once.
    /// Returns what it was for.
    ///
    /// # Errors
    /// [`KeyError::Unknown`] when no live key has this name; [`KeyError::Store`].
    pub async fn revoke(&self, kid: &str, by: &AdminName) -> Result<Purpose, KeyError> {
        let _one = self.changing.lock().await;
        let records = records::all(&self.db).await?;
        let now = self.clock.now();
        let live = |key: &&Record| key.kid == kid && key.state.verifies() && !key.purpose.kept_while_used();
        let record = records
            .iter()
            .find(live)
            .ok_or_else(|| KeyError::Unknown(kid.to_owned()))?;
        let mut batch = Batch::new();
        batch.record(
            now,
            &*self.entropy,
            &Event::AdminActed {
                admin: by.clone(),
                action: "keys_revoke",
            },
        );
        self.change(&mut batch, record, State::Compromised, now, None);
        if record.state == State::Active {
            let next = self.publish(&mut batch, record.purpose, now)?;
            self.change(&mut batch, &next, State::Active, now, None);
        }
        self.db.commit(batch).await?;
        self.refresh().await?;
        Ok(record.purpose)
    }

    /// Reads the keys from the store again: after a change here or on another node.
    ///
    /// # Errors
    /// [`KeyError::Unsealable`] or [`KeyError::Store`]; the picture stays as it was.
    pub async fn refresh(&self) -> Result<(), KeyError> {
        let records = records::all(&self.db).await?;
        self.current.store(Arc::new(picture(&records, &self.kek)?));
        Ok(())
    }

    async fn create_missing(&self) -> Result<(), KeyError> {
        let records = records::all(&self.db).await?;
        let now = self.clock.now();
        let mut batch = Batch::new();
        for purpose in Purpose::ALL {
            let alive = |key: &Record| {
                key.purpose == purpose && matches!(key.state, State::Active | State::PreActive)
            };
            if !records.iter().any(alive) {
                let first = self.publish(&mut batch, purpose, now)?;
                self.change(&mut batch, &first, State::Active, now, None);
            }
        }
        if batch.is_empty() {
            Ok(())
        } else {
            Ok(self.db.commit(batch).await?)
        }
    }

    async fn apply(&self, records: &[Record], change: Change<'_>, now: Timestamp) -> Result<(), KeyError> {
        let find = |kid: &str| records.iter().find(|record| record.kid == kid);
        let mut batch = Batch::new();
        match change {
            Change::Publish(purpose) => {
                self.publish(&mut batch, purpose, now.plus(self.schedule.publish_ahead))?;
            }
            Change::Activate { kid, .. } => {
                if let Some(next) = find(kid) {
                    self.activate(&mut batch, records, next, now);
                }
            }
            Change::Destroy(kid) => {
                if let Some(record) = find(kid) {
                    self.change(&mut batch, record, State::Destroyed, now, Some(now));
                }
            }
        }
        match self.db.commit(batch).await {
            // Another node was first; the refresh that follows shows its work.
            Err(StoreError::Guard(_)) => Ok(()),
            other => Ok(other?),
        }
    }

    fn activate(&self, batch: &mut Batch, records: &[Record], next: &Record, now: Timestamp) {
        let active = |key: &&Record| key.purpose == next.purpose && key.state == State::Active;
        if let Some(old) = records.iter().find(active) {
            let destroy_at = now.plus(self.schedule.verify_for(next.purpose));
            self.change(batch, old, State::Retiring, now, Some(destroy_at));
        }
        self.change(batch, next, State::Active, now, None);
    }

    fn change(
        &self,
        batch: &mut Batch,
        record: &Record,
        to: State,
        at: Timestamp,
        destroy_at: Option<Timestamp>,
    ) {
        records::change_state(batch, record, to, at, destroy_at);
        let event = Event::KeyChanged {
            kid: record.kid.clone(),
            purpose: record.purpose.name(),
            state: to.name(),
        };
        batch.record(at, &*self.entropy, &event);
    }

    /// Makes a key and adds it, pre-active, to `batch`.
    fn publish(&self, batch: &mut Batch, purpose: Purpose, active_at: Timestamp) -> Result<Record, KeyError> {
        let now = self.clock.now();
        let Fresh { kid, public, secret } = self.generate(purpose)?;
        let sealed = self
            .kek
            .seal(context(purpose, &kid).as_bytes(), &secret, self.entropy.bytes());
        let record = Record {
            kid,
            purpose,
            state: State::PreActive,
            public,
            sealed: Some(sealed),
            created_at: now,
            active_at,
            retire_at: None,
            destroy_at: None,
        };
        records::insert(batch, &record);
        let event = Event::KeyChanged {
            kid: record.kid.clone(),
            purpose: purpose.name(),
            state: State::PreActive.name(),
        };
        batch.record(now, &*self.entropy, &event);
        Ok(record)
    }

    fn generate(&self, purpose: Purpose) -> Result<Fresh, KeyError> {
        let Some(kind) = purpose.key_kind() else {
            let secret = Zeroizing::new(self.entropy.bytes::<32>().to_vec());
            return Ok(Fresh {
                kid: self.entropy.token(12),
                public: None,
                secret,
            });
        };
        let generated = PrivateKey::generate(kind).map_err(|_| KeyError::Generation)?;
        let public = generated.key.public_key().clone();
        let kid = public.thumbprint().to_string();
        let jwk = Jwk {
            kid: Some(kid.clone()),
            alg: Some(jws::algorithm_name(public.algorithm()).to_owned()),
            public_key_use: Some("sig".to_owned()),
            key: public,
        };
        Ok(Fresh {
            kid,
            public: Some(jwk),
            secret: generated.pkcs8,
        })
    }

    fn preview_of(
        &self,
        records: &[Record],
        purpose: Purpose,
        immediately: bool,
        now: Timestamp,
    ) -> Rotation {
        let active = records
            .iter()
            .find(|key| key.purpose == purpose && key.state == State::Active);
        let wait = if immediately {
            std::time::Duration::ZERO
        } else {
            self.schedule.publish_ahead
        };
        Rotation {
            purpose: purpose.name(),
            active: active.map(|key| key.kid.clone()),
            next: None,
            active_at: now.plus(wait),
            old_verifies_until: now.plus(wait).plus(self.schedule.verify_for(purpose)),
        }
    }
}

fn facts(record: Record) -> KeyFacts {
    KeyFacts {
        kid: record.kid,
        purpose: record.purpose,
        state: record.state,
        algorithm: record.public.and_then(|jwk| jwk.alg),
        created_at: record.created_at,
        active_at: record.active_at,
        retired_at: record.retire_at,
        destroy_at: record.destroy_at,
    }
}

fn view(record: &Record) -> rotation::Key<'_> {
    rotation::Key {
        kid: &record.kid,
        purpose: record.purpose,
        state: record.state,
        active_at: record.active_at,
        destroy_at: record.destroy_at,
    }
}
