//! `[log]`: what keeps the audit log honest from outside.

use std::path::PathBuf;

use super::section::Section;
use super::shape::{Key, Kind, Shape};
use super::value;

/// What keeps the audit log honest from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// The file outside the store that holds the last published checkpoint.
    pub anchor: Option<PathBuf>,
}

pub(super) const SHAPE: Shape = Shape {
    name: "log",
    meaning: "What keeps the audit log honest from outside.",
    repeated: false,
    keys: &[
        Key::optional(
            "anchor",
            Kind::Text,
            "File outside the store that holds the last checkpoint.",
        ),
        Key::optional(
            "witnesses",
            Kind::List(&Kind::Text),
            "Verifier keys of the witnesses that cosign checkpoints.",
        ),
    ],
    sections: &[],
};

pub(super) fn read(section: &Section<'_>) -> Log {
    if section
        .list("witnesses", value::text)
        .is_some_and(|keys| !keys.is_empty())
    {
        section.refuse_unsupported("witnesses", "witnessing of the log");
    }
    Log {
        anchor: section.optional("anchor", value::path),
    }
}
