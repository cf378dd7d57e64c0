//! SQL of the log: events as entries, the head of the tree, tiles and bundles.

use countersign_tlog::hash::Hash;
use countersign_tlog::{BundleId, EntryBundle, Tile, TileId};

use crate::store::{Batch, Db, Entry, Row, StoreError, Value};

/// What a batch is refused with when another sequencer was faster.
pub(super) const HEAD: &str = "log head";

/// The head of the tree as it is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) size: u64,
    pub(super) root: Hash,
    pub(super) lease: i64,
    /// The last checkpoint that was signed.
    pub(super) checkpoint: Option<String>,
    pub(super) checkpoint_size: u64,
}

/// An event as it stands, with the hash its own row has for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EventRow {
    pub(super) entry: Entry,
    pub(super) hash: Hash,
}

pub(super) async fn head(db: &Db) -> Result<Option<Head>, StoreError> {
    let sql = "SELECT size, root, lease, checkpoint, checkpoint_size FROM log_head WHERE one = 1";
    let row = db.query_one(sql, Vec::new()).await?;
    row.map(|row| {
        Ok(Head {
            size: unsigned(row.integer(0)?)?,
            root: hash(row.bytes(1)?)?,
            lease: row.integer(2)?,
            checkpoint: row.optional_text(3)?.map(str::to_owned),
            checkpoint_size: unsigned(row.integer(4)?)?,
        })
    })
    .transpose()
}

/// Makes the row of the head where there is none, and takes the lease from whoever had it.
pub(super) fn take_over(batch: &mut Batch) {
    batch.run(
        "INSERT INTO log_head (one, size, root, lease, checkpoint_size) VALUES (1, 0, $1, 0, 0)
         ON CONFLICT (one) DO NOTHING",
        vec![countersign_tlog::hash::empty_root().0.to_vec().into()],
    );
    batch.one_row(
        HEAD,
        "UPDATE log_head SET lease = lease + 1 WHERE one = 1",
        Vec::new(),
    );
}

/// Keeps a fact about the store itself.
pub(super) fn set_fact(batch: &mut Batch, name: &'static str, value: &str) {
    batch.run(
        "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        vec![name.into(), value.into()],
    );
}

/// The compare-and-set: from the head that was read to a larger one.
pub(super) fn grow(batch: &mut Batch, from: &Head, size: u64, root: &Hash) {
    batch.one_row(
        HEAD,
        "UPDATE log_head SET size = $4, root = $5 WHERE one = 1 AND size = $1 AND root = $2 AND lease = $3",
        vec![
            signed(from.size),
            from.root.0.to_vec().into(),
            from.lease.into(),
            signed(size),
            root.0.to_vec().into(),
        ],
    );
}

/// Keeps the signed checkpoint of the head as it stands.
pub(super) fn keep_checkpoint(batch: &mut Batch, head: &Head, note: &str) {
    batch.one_row(
        HEAD,
        "UPDATE log_head SET checkpoint = $4, checkpoint_size = $1
         WHERE one = 1 AND size = $1 AND root = $2 AND lease = $3",
        vec![
            signed(head.size),
            head.root.0.to_vec().into(),
            head.lease.into(),
            note.into(),
        ],
    );
}

/// Stores a tile, unless a wider version of it is there.
pub(super) fn put_tile(batch: &mut Batch, tile: &Tile) {
    let id = tile.id();
    batch.run(
        "INSERT INTO log_tile (level, place, width, hashes) VALUES ($1, $2, $3, $4)
         ON CONFLICT (level, place) DO UPDATE SET width = excluded.width, hashes = excluded.hashes
         WHERE excluded.width > log_tile.width",
        vec![
            i64::from(id.level()).into(),
            signed(id.index()),
            i64::from(id.width()).into(),
            tile.encode().into(),
        ],
    );
}

/// Stores a bundle, unless a wider version of it is there.
pub(super) fn put_bundle(batch: &mut Batch, id: BundleId, bundle: &EntryBundle) {
    batch.run(
        "INSERT INTO log_bundle (place, width, entries) VALUES ($1, $2, $3)
         ON CONFLICT (place) DO UPDATE SET width = excluded.width, entries = excluded.entries
         WHERE excluded.width > log_bundle.width",
        vec![
            signed(id.index()),
            i64::from(id.width()).into(),
            bundle.encode().into(),
        ],
    );
}

/// The widest stored version of a tile.
pub(super) async fn tile(db: &Db, id: TileId) -> Result<Option<Tile>, StoreError> {
    let sql = "SELECT width, hashes FROM log_tile WHERE level = $1 AND place = $2";
    let row = db
        .query_one(sql, vec![i64::from(id.level()).into(), signed(id.index())])
        .await?;
    row.map(|row| {
        let width = u16::try_from(row.integer(0)?).map_err(|_| StoreError::Corrupt("log_tile.width"))?;
        let stored = TileId::new(id.level(), id.index(), width);
        stored
            .and_then(|stored| Tile::decode(stored, row.bytes(1).unwrap_or_default()))
            .map_err(|_| StoreError::Corrupt("log_tile.hashes"))
    })
    .transpose()
}

/// The widest stored version of the bundle at `place`.
pub(super) async fn bundle(db: &Db, place: u64) -> Result<Option<EntryBundle>, StoreError> {
    let sql = "SELECT entries FROM log_bundle WHERE place = $1";
    let row = db.query_one(sql, vec![signed(place)]).await?;
    row.map(|row| EntryBundle::decode(row.bytes(0)?).map_err(|_| StoreError::Corrupt("log_bundle.entries")))
        .transpose()
}

/// The events behind `sequence`, at most `limit`, in order.
pub(super) async fn events_after(db: &Db, sequence: u64, limit: u32) -> Result<Vec<EventRow>, StoreError> {
    const SQL: &str = "SELECT e.sequence, e.at, e.body, e.salt, e.hash, p.hash
        FROM event e LEFT JOIN event p ON p.sequence = e.sequence - 1
        WHERE e.sequence > $1 ORDER BY e.sequence LIMIT $2";
    let rows = db
        .query(SQL, vec![signed(sequence), i64::from(limit).into()])
        .await?;
    rows.iter().map(event).collect()
}

/// One event.
pub(super) async fn event_at(db: &Db, sequence: i64) -> Result<Option<EventRow>, StoreError> {
    const SQL: &str = "SELECT e.sequence, e.at, e.body, e.salt, e.hash, p.hash
        FROM event e LEFT JOIN event p ON p.sequence = e.sequence - 1 WHERE e.sequence = $1";
    let row = db.query_one(SQL, vec![sequence.into()]).await?;
    row.as_ref().map(event).transpose()
}

/// The events about one transaction, in order.
pub(super) async fn events_of(db: &Db, transaction: &str) -> Result<Vec<EventRow>, StoreError> {
    const SQL: &str = "SELECT e.sequence, e.at, e.body, e.salt, e.hash, p.hash
        FROM event e LEFT JOIN event p ON p.sequence = e.sequence - 1 WHERE e.txn = $1 ORDER BY e.sequence";
    let rows = db.query(SQL, vec![transaction.into()]).await?;
    rows.iter().map(event).collect()
}

/// The events that fit, as [`super::Search`] numbers its parameters.
pub(super) async fn search(db: &Db, parameters: Vec<Value>) -> Result<Vec<EventRow>, StoreError> {
    const SQL: &str = "SELECT e.sequence, e.at, e.body, e.salt, e.hash, p.hash
        FROM event e LEFT JOIN event p ON p.sequence = e.sequence - 1
        WHERE e.sequence > $1 AND e.sequence <= $2 AND e.at >= $3 AND e.at < $4
          AND ($5 IS NULL OR e.txn = $5)
          AND ($6 IS NULL OR e.body LIKE $6 ESCAPE '\\')
          AND ($7 IS NULL OR e.body LIKE $7 ESCAPE '\\')
          AND ($8 IS NULL OR e.body LIKE $8 ESCAPE '\\')
        ORDER BY e.sequence LIMIT $9";
    db.query(SQL, parameters).await?.iter().map(event).collect()
}

fn event(row: &Row) -> Result<EventRow, StoreError> {
    let sequence = row.integer(0)?;
    let previous = match row.optional_bytes(5)? {
        Some(bytes) => hash(bytes)?,
        None if sequence == 1 => Entry::before_the_first(),
        None => return Err(StoreError::Corrupt("event.hash")),
    };
    Ok(EventRow {
        entry: Entry {
            sequence,
            at: row.time(1)?,
            event: row.text(2)?.to_owned(),
            salt: row.bytes(3)?.to_vec(),
            previous,
        },
        hash: hash(row.bytes(4)?)?,
    })
}

fn hash(bytes: &[u8]) -> Result<Hash, StoreError> {
    bytes
        .try_into()
        .map(Hash)
        .map_err(|_| StoreError::Corrupt("a hash of the log"))
}

fn unsigned(value: i64) -> Result<u64, StoreError> {
    u64::try_from(value).map_err(|_| StoreError::Corrupt("a size of the log"))
}

fn signed(value: u64) -> Value {
    i64::try_from(value).unwrap_or(i64::MAX).into()
}
