//! From committed events to a signed tree, one step after the other, each of which may be the last before the process is
//! killed:
//!
//! 1. the tree grows: tiles, bundles and the new head in one batch, by compare-and-set on size, root and lease;
//! 2. the committed root is signed, and the checkpoint kept under the same compare-and-set;
//! 3. the anchor is replaced;
//! 4. the checkpoint is shown.
//!
//! So nothing is signed that is not committed, and nothing shown that a restart could forget.

use std::sync::{Arc, Mutex, PoisonError};

use countersign_jose::Scheme;
use countersign_tlog::bundle;
use countersign_tlog::hash::{Hash, leaf_hash};
use countersign_tlog::{
    Checkpoint, CheckpointError, EntryBundle, Note, NoteError, NoteSignature, TileId, Tree, Trust,
};

use super::anchor::Anchor;
use super::keys::{log_keys, origin_key};
use super::log::{Leaf, Log, LogError, Published, damaged, leaf};
use super::records::{self, Head};
use crate::keys::{Keyring, Purpose};
use crate::store::{Batch, Db, StoreError};

/// Entries that enter the tree in one step at most: bounds its memory.
const TOGETHER: u32 = 1024;

/// Why a step could not be done. The next one begins from what the store holds.
#[derive(Debug, thiserror::Error)]
pub enum SequencerError {
    /// The store failed, or what it holds does not belong together.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Another sequencer took over.
    #[error("another sequencer took over the log")]
    Superseded,
    /// The checkpoint could not be signed.
    #[error("the checkpoint could not be signed: {0}")]
    Signing(String),
    /// The anchor could not be written; the checkpoint stays unpublished.
    #[error("the anchor could not be written: {0}")]
    Anchor(#[from] std::io::Error),
}

impl From<StoreError> for SequencerError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Guard(records::HEAD) => Self::Superseded,
            other => Self::Log(other.into()),
        }
    }
}

impl From<NoteError> for SequencerError {
    fn from(error: NoteError) -> Self {
        Self::Signing(error.to_string())
    }
}

impl From<CheckpointError> for SequencerError {
    fn from(error: CheckpointError) -> Self {
        Self::Signing(error.to_string())
    }
}

/// The one that lets the log grow.
pub struct Sequencer {
    db: Db,
    log: Arc<Log>,
    keyring: Arc<Keyring>,
    anchor: Option<Anchor>,
    /// Taken at the first step; whoever takes it later wins.
    state: tokio::sync::Mutex<State>,
    /// What went wrong with the last step, for `/readyz`.
    fault: Mutex<Option<String>>,
}

#[derive(Default)]
struct State {
    lease: Option<i64>,
    /// Absent when a step failed: then it is read again.
    edge: Option<Edge>,
}

/// Where the log ends, and all that is needed to go on.
struct Edge {
    head: Head,
    tree: Tree,
    /// The last bundle where it is partial, otherwise an empty one.
    bundle: EntryBundle,
    /// The leaf hash of the last entry.
    last: Hash,
}

impl Sequencer {
    /// A sequencer of `log`. It takes the lease at its first step.
    #[must_use]
    pub fn new(db: Db, log: Arc<Log>, keyring: Arc<Keyring>, anchor: Option<Anchor>) -> Self {
        Self {
            db,
            log,
            keyring,
            anchor,
            state: tokio::sync::Mutex::default(),
            fault: Mutex::default(),
        }
    }

    /// Takes in what was committed since, and publishes it. Cheap when there is nothing new. When what the store holds does
    /// not belong together, the store refuses every write from then on.
    ///
    /// # Errors
    /// [`SequencerError`].
    pub async fn run(&self) -> Result<(), SequencerError> {
        let outcome = self.catch_up().await;
        if let Err(SequencerError::Log(LogError::Damaged(cause))) = &outcome {
            self.db.refuse_writes(&format!(
                "the log is damaged: {cause}; stop the gateway, run countersign audit verify --store, and restore a backup"
            ));
        }
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) =
            outcome.as_ref().err().map(ToString::to_string);
        outcome
    }

    /// What went wrong with the last step.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn catch_up(&self) -> Result<(), SequencerError> {
        if self.is_up_to_date() {
            return Ok(());
        }
        while self.grow().await? {}
        self.publish().await
    }

    /// Whether the latest checkpoint covers every event, and is by a key that still counts. One may be signed in the moment in
    /// which its key is revoked, and nothing else may happen for a long time.
    fn is_up_to_date(&self) -> bool {
        let last_event = u64::try_from(*self.db.last_event().borrow()).unwrap_or(0);
        self.log.checkpoint().is_some_and(|latest| {
            latest.checkpoint.size() == last_event && {
                let keys = log_keys(self.log.origin(), &self.keyring.current());
                let counts = |signature: &NoteSignature| keys.iter().any(|key| signature.is_by(key));
                latest.note.signatures().iter().any(counts)
            }
        })
    }

    /// Step 1. Whether there may be more.
    pub(super) async fn grow(&self) -> Result<bool, SequencerError> {
        let mut state = self.state.lock().await;
        let edge = match state.edge.take() {
            Some(edge) => edge,
            None => self.load(&mut state).await?,
        };
        let leaves = self.next_leaves(&edge).await?;
        if leaves.is_empty() {
            state.edge = Some(edge);
            return Ok(false);
        }
        let more = leaves.len() == TOGETHER as usize;
        state.edge = Some(self.append(edge, leaves).await?);
        Ok(more)
    }

    /// Steps 2 to 4.
    pub(super) async fn publish(&self) -> Result<(), SequencerError> {
        let mut state = self.state.lock().await;
        if state.edge.is_none() {
            state.edge = Some(self.load(&mut state).await?);
        }
        let Some(edge) = state.edge.as_mut().filter(|edge| edge.head.size > 0) else {
            return Ok(());
        };
        let note = match self.kept(&edge.head) {
            Some(note) => note,
            None => self.sign(&mut edge.head).await?,
        };
        let checkpoint = Checkpoint::from_note(&note)?;
        if let Some(anchor) = self.anchor.clone() {
            let kept = note.clone();
            tokio::task::spawn_blocking(move || anchor.write(&kept))
                .await
                .map_err(std::io::Error::other)??;
        }
        self.log.publish(Published { note, checkpoint });
        Ok(())
    }

    async fn load(&self, state: &mut State) -> Result<Edge, SequencerError> {
        let head = self.head(state).await?;
        let tiles = self.log.fetch(Tree::edge_tiles(head.size)).await?;
        let tree = Tree::load(head.size, &tiles).map_err(damaged)?;
        if tree.root() != head.root {
            return Err(LogError::Damaged(format!(
                "the tiles of the {} entries are not those of the committed root",
                head.size
            ))
            .into());
        }
        self.check_last_checkpoint(&head).await?;
        let (bundle, last) = self.last_bundle(&head).await?;
        Ok(Edge {
            head,
            tree,
            bundle,
            last,
        })
    }

    /// The head of the tree, with the lease taken once.
    async fn head(&self, state: &mut State) -> Result<Head, SequencerError> {
        if state.lease.is_none() {
            let mut batch = Batch::new();
            records::take_over(&mut batch);
            if let Some((name, path)) = self.anchor.as_ref().map(Anchor::fact) {
                records::set_fact(&mut batch, name, &path);
            }
            self.db.commit(batch).await?;
        }
        let head = records::head(&self.db)
            .await?
            .ok_or(LogError::Damaged("the log has no head".to_owned()))?;
        match state.lease {
            Some(lease) if lease != head.lease => Err(SequencerError::Superseded),
            _ => {
                state.lease = Some(head.lease);
                Ok(head)
            }
        }
    }

    /// What was signed last must be part of what would be signed next (TLOG-09).
    async fn check_last_checkpoint(&self, head: &Head) -> Result<(), SequencerError> {
        let Some(text) = &head.checkpoint else {
            return Ok(());
        };
        let damaged = |what: &str| LogError::Damaged(format!("the last checkpoint {what}"));
        let note = Note::parse(text.as_bytes()).map_err(|_| damaged("is no signed note"))?;
        let signed = Checkpoint::from_note(&note).map_err(|_| damaged("is no checkpoint"))?;
        if signed.size() != head.checkpoint_size || signed.size() > head.size {
            return Err(damaged("is beyond the tree").into());
        }
        if self.log.root(signed.size()).await? == signed.root() {
            Ok(())
        } else {
            Err(damaged("is of another tree").into())
        }
    }

    /// The partial bundle at the edge, and the leaf hash of the last entry.
    async fn last_bundle(&self, head: &Head) -> Result<(EntryBundle, Hash), SequencerError> {
        let Some(last) = head.size.checked_sub(1) else {
            return Ok((EntryBundle::default(), crate::store::Entry::before_the_first()));
        };
        let damaged = || LogError::Damaged(format!("the bundle of entry {last} is not the one in the tree"));
        let width = u64::from(countersign_tlog::tile::FULL_WIDTH);
        let stored = records::bundle(&self.db, last / width)
            .await?
            .ok_or_else(damaged)?;
        let tile = TileId::in_tree(0, last / width, head.size).ok_or_else(damaged)?;
        let tile = records::tile(&self.db, tile).await?.ok_or_else(damaged)?;
        let leaves = stored.leaf_hashes();
        if leaves != tile.hashes() {
            return Err(damaged().into());
        }
        let last = leaves.last().copied().ok_or_else(damaged)?;
        let edge = if stored.is_full() {
            EntryBundle::default()
        } else {
            stored
        };
        Ok((edge, last))
    }

    /// The entries behind the edge, each checked to be the one that was chained, and to follow the one before.
    async fn next_leaves(&self, edge: &Edge) -> Result<Vec<Leaf>, SequencerError> {
        let rows = records::events_after(&self.db, edge.head.size, TOGETHER).await?;
        let mut previous = edge.last;
        let mut leaves = Vec::with_capacity(rows.len());
        for (row, index) in rows.into_iter().zip(edge.head.size..) {
            let leaf = leaf(row)?;
            if leaf.index != index {
                return Err(LogError::Damaged(format!("event {} is missing", index + 1)).into());
            }
            if leaf.entry.previous != previous {
                return Err(LogError::Damaged(format!("event {} follows another one", index + 1)).into());
            }
            previous = leaf_hash(&leaf.bytes);
            leaves.push(leaf);
        }
        Ok(leaves)
    }

    async fn append(&self, edge: Edge, leaves: Vec<Leaf>) -> Result<Edge, SequencerError> {
        let hashes: Vec<Hash> = leaves.iter().map(|leaf| leaf_hash(&leaf.bytes)).collect();
        let last = hashes.last().copied().unwrap_or(edge.last);
        let growth = edge.tree.append(hashes);
        let bundles = bundle::append(
            edge.head.size,
            edge.bundle,
            leaves.into_iter().map(|leaf| leaf.bytes),
        )
        .map_err(|error| LogError::Damaged(error.to_string()))?;
        let (size, root) = (growth.tree.size(), growth.tree.root());
        let mut batch = Batch::new();
        records::grow(&mut batch, &edge.head, size, &root);
        growth
            .tiles
            .iter()
            .for_each(|tile| records::put_tile(&mut batch, tile));
        bundles
            .iter()
            .for_each(|(id, bundle)| records::put_bundle(&mut batch, *id, bundle));
        self.db.commit(batch).await?;
        let bundle = bundles.into_iter().next_back().map(|(_, bundle)| bundle);
        Ok(Edge {
            head: Head {
                size,
                root,
                ..edge.head
            },
            tree: growth.tree,
            bundle: bundle.filter(|bundle| !bundle.is_full()).unwrap_or_default(),
            last,
        })
    }

    /// The checkpoint of this very head, when it was signed before by a key that still counts.
    fn kept(&self, head: &Head) -> Option<Note> {
        let text = head
            .checkpoint
            .as_ref()
            .filter(|_| head.checkpoint_size == head.size)?;
        let note = Note::parse(text.as_bytes()).ok()?;
        let origin = self.log.origin();
        let keys = log_keys(origin, &self.keyring.current());
        let trust = Trust::new(origin, keys, Vec::new(), 0).ok()?;
        let trusted = trust.verify(&note).ok()?;
        (trusted.checkpoint.root() == head.root).then_some(note)
    }

    async fn sign(&self, head: &mut Head) -> Result<Note, SequencerError> {
        let origin = self.log.origin();
        let mut note = Checkpoint::new(origin, head.size, head.root)?.to_note()?;
        let keys = self.keyring.current();
        let unusable = || SequencerError::Signing("there is no active log key".to_owned());
        let active = keys.signing(Purpose::Log).ok_or_else(unusable)?;
        let key = origin_key(origin, active.key.public_key()).ok_or_else(unusable)?;
        note.sign(&key, |text| {
            let signature = active.key.sign(Scheme::Ed25519, text).ok();
            signature
                .and_then(|signature| signature.try_into().ok())
                .ok_or_else(unusable)
        })?;
        let text = note.to_string();
        let mut batch = Batch::new();
        records::keep_checkpoint(&mut batch, head, &text);
        self.db.commit(batch).await?;
        head.checkpoint = Some(text);
        head.checkpoint_size = head.size;
        Ok(note)
    }
}
