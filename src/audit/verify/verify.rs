//! The whole examination, in the order in which each step can rely on the one before.

use countersign_tlog::{AuditError, Checkpoint, Note, Resource, Tree, Trust, audit};

use super::copy::{CopyError, LogCopy, StoredLog};
use super::entries::walk;
use super::finding::Finding;
use super::stored;

/// What an examination showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The checkpoint in the copy, when it is believed.
    pub checkpoint: Option<Checkpoint>,
    /// Events of a store that are not in the tree yet.
    pub waiting: u64,
    /// How many witnesses cosigned the checkpoint. Without any the log could have shown others another history.
    pub witnesses: usize,
    /// What does not fit; none when all is well.
    pub findings: Vec<Finding>,
}

impl Verdict {
    /// Whether everything fits.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Examines a copy: its checkpoint by `trust`, every entry, every tile, the root, and that it continues `kept`, a
/// checkpoint that someone kept elsewhere. `progress` hears how many entries are done.
pub fn verify<C: LogCopy>(
    copy: &C,
    trust: &Trust,
    kept: Option<&Note>,
    progress: &mut dyn FnMut(u64),
) -> Verdict {
    let mut verdict = Verdict {
        checkpoint: None,
        waiting: 0,
        witnesses: 0,
        findings: Vec::new(),
    };
    let trusted = copy
        .checkpoint()
        .map_err(|error| Finding::Unreadable(error.to_string()))
        .and_then(|note| {
            trust
                .verify(&note)
                .map_err(|error| Finding::Checkpoint(error.to_string()))
        });
    let checkpoint = match trusted {
        Ok(trusted) => {
            verdict.witnesses = trusted.witnesses.len();
            trusted.checkpoint
        }
        Err(finding) => {
            verdict.findings.push(finding);
            return verdict;
        }
    };
    if let Some(kept) = kept {
        verdict
            .findings
            .extend(compare_with_kept(copy, trust, &checkpoint, kept));
    }
    verdict.findings.extend(walk(copy, checkpoint.size(), progress));
    if verdict.findings.is_empty() {
        verdict.findings.extend(tree(copy, &checkpoint));
    }
    verdict.checkpoint = Some(checkpoint);
    verdict
}

/// Examines the file of a store: as [`verify`], and the events beside the entries that were signed.
pub fn verify_store(
    log: &StoredLog,
    trust: &Trust,
    kept: Option<&Note>,
    progress: &mut dyn FnMut(u64),
) -> Verdict {
    let mut verdict = verify(log, trust, kept, progress);
    let Some(checkpoint) = &verdict.checkpoint else {
        return verdict;
    };
    match stored::compare(log, checkpoint.size()) {
        Ok(events) => {
            verdict.waiting = events.waiting;
            verdict.findings.extend(events.findings);
        }
        // That a bundle is missing was told already.
        Err(CopyError::Missing(_)) => {}
        Err(error) => verdict.findings.push(Finding::Unreadable(error.to_string())),
    }
    verdict
}

/// Tiles of every level, and the root.
fn tree<C: LogCopy>(copy: &C, checkpoint: &Checkpoint) -> Option<Finding> {
    let size = checkpoint.size();
    match audit(size, &checkpoint.root(), copy) {
        Ok(()) => None,
        Err(AuditError::Store(error)) => Some(Finding::Unreadable(error.to_string())),
        Err(AuditError::Bundle { id, error }) => {
            Some(Finding::Unreadable(format!("{}: {error}", Resource::Entries(id))))
        }
        Err(AuditError::MissingEntry { index }) => Some(Finding::RemovedTail {
            have: index,
            signed: size,
        }),
        Err(AuditError::Entry { index }) => Some(Finding::ChangedEntry { index }),
        Err(AuditError::ShortTile(id) | AuditError::Tile(id)) => Some(Finding::ChangedTile {
            tile: Resource::Tile(id).to_string(),
        }),
        Err(AuditError::Root(_)) => Some(Finding::OtherRoot { size }),
    }
}

fn compare_with_kept<C: LogCopy>(
    copy: &C,
    trust: &Trust,
    checkpoint: &Checkpoint,
    kept: &Note,
) -> Option<Finding> {
    let kept = match trust.verify(kept) {
        Ok(kept) => kept.checkpoint,
        Err(error) => return Some(Finding::Checkpoint(format!("the one that was kept: {error}"))),
    };
    if kept.size() > checkpoint.size() {
        return Some(Finding::Rollback {
            have: checkpoint.size(),
            kept: kept.size(),
        });
    }
    // The tiles below are shown to be those of the signed root, so its first entries have this root.
    match Tree::load(kept.size(), &AtOldSize(copy)).map(|tree| tree.root()) {
        Ok(root) if root == kept.root() => None,
        Ok(_) => Some(Finding::Fork { size: kept.size() }),
        Err(error) => Some(Finding::Unreadable(error.to_string())),
    }
}

/// Tiles as an older tree had them: the first hashes of today's. A folder may hold the wider version only.
struct AtOldSize<'a, C>(&'a C);

impl<C: LogCopy> countersign_tlog::TileStore for AtOldSize<'_, C> {
    type Error = CopyError;

    fn tile(&self, id: countersign_tlog::TileId) -> Result<Vec<countersign_tlog::Hash>, CopyError> {
        match self.0.tile(id) {
            Err(CopyError::Missing(_)) => {}
            found => return found,
        }
        let size = self.0.checkpoint().ok().and_then(|note| {
            let checkpoint = Checkpoint::from_note(&note).ok()?;
            Some(checkpoint.size())
        });
        let today = size.and_then(|size| countersign_tlog::TileId::in_tree(id.level(), id.index(), size));
        match today {
            Some(today) => self.0.tile(today),
            None => Err(CopyError::Missing(Resource::Tile(id).to_string())),
        }
    }
}
