//! `[log]`: what keeps the audit log honest from outside.

use super::section::Section;
use super::shape::{Key, Kind, Shape};
use super::value;

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

pub(super) fn read(section: &Section<'_>) {
    if section.optional("anchor", value::path).is_some() {
        section.refuse_unsupported("anchor", "an anchor of the log");
    }
    if section
        .list("witnesses", value::text)
        .is_some_and(|keys| !keys.is_empty())
    {
        section.refuse_unsupported("witnesses", "witnessing of the log");
    }
}
