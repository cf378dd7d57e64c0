//! The charter in force, and who may put another in its place.
//!
//! The store keeps the charter that was in force last. On a development store it follows the file. Anywhere else a reload
//! cannot change it, and a start with another one needs the operator to name it: whoever could only edit the file cannot
//! loosen the gate, and what was accepted is on record. Approval by two people comes with proposals.

use data_encoding::HEXLOWER;

use super::error::StartError;
use crate::base::event::Digest;
use crate::base::{Entropy, Event, Timestamp};
use crate::config::Charter;
use crate::store::{Batch, Db};

/// The fact in the store: the charter's lines, so that a later start can tell which have changed.
const IN_FORCE: &str = "charter";

/// Why a charter does not come into force.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CharterError {
    /// The file says another one than was in force last.
    #[error(
        "the charter, which decides how strict the gate is, is not the one that was in force last; changed: {}. \
         Have two people read these changes, then start once with --accept-charter {accept}", .changed.join(", ")
    )]
    NotAccepted {
        /// The keys whose lines were changed, added or removed.
        changed: Vec<String>,
        /// SHA-256 of the new one, in hexadecimal digits.
        accept: String,
    },
    /// What was accepted is not what the file says.
    #[error("another charter was accepted than that of the file, which is {is}; changed: {}", .changed.join(", "))]
    AnotherAccepted {
        /// As above.
        changed: Vec<String>,
        /// SHA-256 of the file's, in hexadecimal digits.
        is: String,
    },
    /// A reload would change it.
    #[error(
        "a reload does not change the charter, which decides how strict the gate is, unless it is named; changed: {}. Put \
         these keys back, or have two people read the changes, then ask for the reload with \
         {{\"accept_charter\":\"{accept}\"}} on the admin API, or start once with --accept-charter {accept}",
        .changed.join(", ")
    )]
    NotByReload {
        /// As above.
        changed: Vec<String>,
        /// As above.
        accept: String,
    },
}

/// What a start or a reload does about the charter of its file.
#[derive(Debug)]
pub(super) struct Admitted {
    /// What is written beside the event of the start or the reload, where an operator accepted a change.
    accepted: Option<Event>,
    /// The lines, where the store does not have them already.
    text: Option<String>,
}

impl Admitted {
    /// Writes down what is in force from now on.
    pub(super) fn record(self, batch: &mut Batch, now: Timestamp, entropy: &dyn Entropy) {
        if let Some(accepted) = &self.accepted {
            batch.record(now, entropy, accepted);
        }
        if let Some(text) = self.text {
            keep(batch, text);
        }
    }
}

/// Whether a gateway may start with `charter`; `accept` is what its operator has named.
///
/// # Errors
/// [`CharterError`], and [`crate::store::StoreError`] when the store cannot be read.
pub(super) async fn admit(
    charter: &Charter,
    db: &Db,
    development: bool,
    accept: Option<&str>,
) -> Result<Admitted, StartError> {
    let last = db.meta(IN_FORCE).await?;
    let is = HEXLOWER.encode(&charter.sha256());
    let changed = || changes(last.as_deref(), charter);
    if accept.is_some_and(|accept| !accept.eq_ignore_ascii_case(&is)) {
        let changed = changed();
        return Err(CharterError::AnotherAccepted { changed, is }.into());
    }
    let is_same = last.as_deref() == Some(charter.as_str());
    let mut accepted = None;
    if let (Some(last), false, false) = (&last, is_same, development) {
        if accept.is_none() {
            let changed = changed();
            return Err(CharterError::NotAccepted { changed, accept: is }.into());
        }
        accepted = Some(Event::CharterAccepted {
            from: Digest::new(&Charter::recorded(last.clone()).sha256()),
            to: Digest::new(&charter.sha256()),
        });
    }
    Ok(Admitted {
        accepted,
        text: (!is_same).then(|| charter.as_str().to_owned()),
    })
}

/// What a reload writes down when the charter changes with it: on a development store always, elsewhere when `accept` names
/// the new one.
///
/// # Errors
/// [`CharterError::NotByReload`] and [`CharterError::AnotherAccepted`].
pub(super) fn follow(
    old: &Charter,
    new: &Charter,
    development: bool,
    accept: Option<&str>,
) -> Result<Admitted, CharterError> {
    let is = HEXLOWER.encode(&new.sha256());
    let changed = || changes(Some(old.as_str()), new);
    if accept.is_some_and(|accept| !accept.eq_ignore_ascii_case(&is)) {
        return Err(CharterError::AnotherAccepted {
            changed: changed(),
            is,
        });
    }
    if old == new {
        return Ok(Admitted {
            accepted: None,
            text: None,
        });
    }
    if !development && accept.is_none() {
        return Err(CharterError::NotByReload {
            changed: changed(),
            accept: is,
        });
    }
    Ok(Admitted {
        accepted: (!development).then(|| Event::CharterAccepted {
            from: Digest::new(&old.sha256()),
            to: Digest::new(&new.sha256()),
        }),
        text: Some(new.as_str().to_owned()),
    })
}

fn changes(last: Option<&str>, charter: &Charter) -> Vec<String> {
    last.map_or_else(Vec::new, |last| {
        charter.differences(&Charter::recorded(last.to_owned()))
    })
}

fn keep(batch: &mut Batch, text: String) {
    batch.run(
        "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        vec![IN_FORCE.into(), text.into()],
    );
}
