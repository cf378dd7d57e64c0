//! `[store]`: where what must last is kept, and where what may be lost.

use std::path::PathBuf;

use super::section::Section;
use super::shape::{Key, Kind, Shape};
use super::value::{Complaint, Parsed, Value};

/// Where the gateway keeps its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// What must last.
    pub url: StoreUrl,
    /// Nonces, counters and challenges.
    pub ephemeral: Ephemeral,
}

/// A database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    /// An SQLite file.
    Sqlite(PathBuf),
}

/// A place for what lives for minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ephemeral {
    /// This process.
    Memory,
}

pub(super) const SHAPE: Shape = Shape {
    name: "store",
    meaning: "Where records are kept.",
    repeated: false,
    keys: &[
        Key::with_default(
            "url",
            Kind::Text,
            "\"sqlite:countersign.sqlite\"",
            "Database of what must last: sqlite:PATH.",
        ),
        Key::with_default(
            "ephemeral",
            Kind::Text,
            "\"memory\"",
            "Place for nonces, counters and challenges: memory.",
        ),
    ],
    sections: &[],
};

pub(super) fn read(section: &Section<'_>) -> Option<Store> {
    let url = section.value("url", read_url);
    let ephemeral = section.value("ephemeral", read_ephemeral);
    Some(Store {
        url: url?,
        ephemeral: ephemeral?,
    })
}

// What follows `postgres:` or `redis:` may hold a password, so it is not repeated in a complaint.
fn read_url(value: &Value<'_>) -> Parsed<StoreUrl> {
    match value.text()?.split_once(':') {
        Some(("sqlite", path)) if !path.is_empty() => Ok(StoreUrl::Sqlite(value.folder.join(path))),
        Some(("postgres" | "postgresql", _)) => Err(Complaint::new(
            "PostgreSQL is not supported by this version",
            "write \"sqlite:PATH\"",
        )),
        _ => Err(Complaint::new("this is no database", "write \"sqlite:PATH\"")),
    }
}

fn read_ephemeral(value: &Value<'_>) -> Parsed<Ephemeral> {
    let text = value.text()?;
    match text.split_once(':').map_or(text, |(scheme, _)| scheme) {
        "memory" if text == "memory" => Ok(Ephemeral::Memory),
        "redis" | "rediss" => Err(Complaint::new(
            "Redis is not supported by this version",
            "write \"memory\"",
        )),
        _ => Err(Complaint::new(
            "this is no place for ephemeral records",
            "write \"memory\"",
        )),
    }
}
