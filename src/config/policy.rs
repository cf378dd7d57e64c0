//! `[policy]`: where the Cedar policies lie that a new store starts with.

use std::path::PathBuf;

use super::section::Section;
use super::shape::{Key, Kind, Shape};
use super::value;

/// Where policies are read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Folder with `countersign.cedarschema`, `*.cedar` and `tests/`.
    pub dir: PathBuf,
}

pub(super) const SHAPE: Shape = Shape {
    name: "policy",
    meaning: "Where policies are read from.",
    repeated: false,
    keys: &[Key::with_default(
        "dir",
        Kind::Text,
        "\"policies\"",
        "Folder of the Cedar schema and policies.",
    )],
    sections: &[],
};

pub(super) fn read(section: &Section<'_>) -> Option<Policy> {
    Some(Policy {
        dir: section.value("dir", value::path)?,
    })
}
