//! The events of a store beside the entries that were signed: they must say the same, and go on where the tree ends.

use countersign_tlog::bundle::BundleStore as _;
use countersign_tlog::hash::leaf_hash;
use countersign_tlog::tile::FULL_WIDTH;
use countersign_tlog::{BundleId, EntryBundle, Hash};

use super::copy::{CopyError, StoredLog};
use super::finding::Finding;
use crate::store::{Entry, Row};

/// Findings kept at most.
const FINDINGS: usize = 100;

/// What the events of a store show.
#[derive(Default)]
pub(super) struct Events {
    pub(super) findings: Vec<Finding>,
    /// Events behind the tree.
    pub(super) waiting: u64,
}

struct StoredEvent {
    entry: Entry,
    hash: Option<Vec<u8>>,
}

/// Compares the events with the first `size` entries, and checks the chain of those behind.
pub(super) fn compare(log: &StoredLog, size: u64) -> Result<Events, CopyError> {
    let mut found = Events::default();
    for id in BundleId::all(size) {
        let Ok(bundle) = EntryBundle::decode(&log.bundle(id)?) else {
            // The walk through the entries has told it.
            return Ok(found);
        };
        compare_bundle(log, id, &bundle, &mut found)?;
        if found.findings.len() >= FINDINGS {
            return Ok(found);
        }
    }
    follow(log, size, &mut found)?;
    Ok(found)
}

fn compare_bundle(
    log: &StoredLog,
    id: BundleId,
    bundle: &EntryBundle,
    found: &mut Events,
) -> Result<(), CopyError> {
    let first = signed(id.first_entry());
    let events = read(log, first, i64::from(id.width()))?;
    for (bytes, sequence) in bundle
        .entries()
        .iter()
        .take(usize::from(id.width()))
        .zip(first + 1..)
    {
        let Ok(entry) = Entry::parse(bytes) else { continue };
        let event = events.iter().find(|event| event.entry.sequence == sequence);
        let Some(event) = event else {
            found.findings.push(Finding::MissingEvent { sequence });
            continue;
        };
        let same = |event: &StoredEvent, entry: &Entry| {
            event.entry.event == entry.event && event.entry.salt == entry.salt && event.entry.at == entry.at
        };
        let hash_fits = event.hash.as_deref() == Some(leaf_hash(bytes).0.as_slice());
        if same(event, &entry) && hash_fits {
            continue;
        }
        let elsewhere = bundle
            .entries()
            .iter()
            .filter_map(|bytes| Entry::parse(bytes).ok());
        let finding = match elsewhere
            .into_iter()
            .find(|other| same(event, other) && other.sequence != sequence)
        {
            Some(other) => Finding::Reordered {
                first: unsigned(other.sequence.min(sequence) - 1),
                second: unsigned(other.sequence.max(sequence) - 1),
            },
            None => Finding::ChangedEvent { sequence },
        };
        if !found.findings.contains(&finding) {
            found.findings.push(finding);
        }
    }
    Ok(())
}

/// The events that are committed but not in the tree yet must be a chain, too.
fn follow(log: &StoredLog, size: u64, found: &mut Events) -> Result<(), CopyError> {
    let mut last = signed(size);
    let mut previous = last_hash(log, last)?;
    loop {
        let events = read(log, last, i64::from(FULL_WIDTH))?;
        if events.is_empty() {
            return Ok(());
        }
        for event in events {
            last += 1;
            if event.entry.sequence != last {
                found.findings.push(Finding::MissingEvent { sequence: last });
                return Ok(());
            }
            let entry = Entry {
                previous,
                ..event.entry
            };
            let hash = entry.to_bytes().map(|bytes| leaf_hash(&bytes));
            match hash {
                Ok(hash) if event.hash.as_deref() == Some(hash.0.as_slice()) => previous = hash,
                _ => {
                    found.findings.push(Finding::ChangedEvent { sequence: last });
                    return Ok(());
                }
            }
            found.waiting += 1;
        }
    }
}

fn last_hash(log: &StoredLog, sequence: i64) -> Result<Hash, CopyError> {
    let rows = log
        .store
        .query("SELECT hash FROM event WHERE sequence = $1", &[sequence.into()])?;
    let hash = rows
        .first()
        .map(|row| row.optional_bytes(0))
        .transpose()?
        .flatten();
    let hash = hash.and_then(|bytes| bytes.try_into().ok()).map(Hash);
    Ok(hash.unwrap_or_else(Entry::before_the_first))
}

fn read(log: &StoredLog, after: i64, count: i64) -> Result<Vec<StoredEvent>, CopyError> {
    let sql =
        "SELECT sequence, at, body, salt, hash FROM event WHERE sequence > $1 ORDER BY sequence LIMIT $2";
    let rows = log.store.query(sql, &[after.into(), count.into()])?;
    rows.iter().map(event).collect()
}

fn event(row: &Row) -> Result<StoredEvent, CopyError> {
    Ok(StoredEvent {
        entry: Entry {
            sequence: row.integer(0)?,
            at: row.time(1)?,
            event: row.text(2)?.to_owned(),
            salt: row.bytes(3)?.to_vec(),
            previous: Entry::before_the_first(),
        },
        hash: row.optional_bytes(4)?.map(<[u8]>::to_vec),
    })
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
