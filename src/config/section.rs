//! Reading one section of the file: every key through the table in its `Shape`, every fault kept with its place, none
//! of them ending the reading. A reader that answers `None` has told why.

use std::cell::RefCell;
use std::ops::Range;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::fault::{Fault, Position, Warning};
use super::shape::{Key, Presence, Shape};
use super::value::{Complaint, Parsed, Value};

/// What was found while reading: shared by all sections of one file.
pub(super) struct Report<'a> {
    text: &'a str,
    folder: &'a Path,
    found: RefCell<Found>,
}

/// Faults by what they prevent.
#[derive(Default)]
pub(super) struct Found {
    /// The file cannot be used.
    pub(super) faults: Vec<Fault>,
    /// The file can be used with a development store only.
    pub(super) unfit_for_production: Vec<Fault>,
    /// The file can be used with a store that is not a development one only.
    pub(super) unfit_for_development: Vec<Fault>,
    /// Worth a second look.
    pub(super) warnings: Vec<Warning>,
}

/// How much a finding weighs.
#[derive(Clone, Copy)]
pub(super) enum Weight {
    Fault,
    UnfitForProduction,
    UnfitForDevelopment,
    Warning,
}

/// One section as written, possibly absent: then every key is.
pub(super) struct Section<'a> {
    shape: &'static Shape,
    path: String,
    span: Option<Range<usize>>,
    entries: Option<&'a DeTable<'a>>,
    report: &'a Report<'a>,
}

impl<'a> Report<'a> {
    pub(super) fn new(text: &'a str, folder: &'a Path) -> Self {
        Report {
            text,
            folder,
            found: RefCell::default(),
        }
    }

    pub(super) fn into_found(self) -> Found {
        self.found.into_inner()
    }

    pub(super) fn add(&self, weight: Weight, span: Option<Range<usize>>, key: String, complaint: Complaint) {
        let position = span.map(|span| self.position(span.start));
        let fault = Fault {
            position,
            key,
            problem: complaint.problem,
            remedy: complaint.remedy,
        };
        let mut found = self.found.borrow_mut();
        match weight {
            Weight::Fault => found.faults.push(fault),
            Weight::UnfitForProduction => found.unfit_for_production.push(fault),
            Weight::UnfitForDevelopment => found.unfit_for_development.push(fault),
            Weight::Warning => found.warnings.push(fault),
        }
    }

    fn position(&self, offset: usize) -> Position {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = before.get(line_start..).map_or(0, |line| line.chars().count()) + 1;
        Position { line, column }
    }
}

impl<'a> Section<'a> {
    /// The file as a whole.
    pub(super) fn root(shape: &'static Shape, table: &'a DeTable<'a>, report: &'a Report<'a>) -> Self {
        let section = Section {
            shape,
            path: String::new(),
            span: None,
            entries: Some(table),
            report,
        };
        section.refuse_unknown_keys();
        section
    }

    /// The value of a key that is required or has a default. `None` means a fault was told.
    pub(super) fn value<T>(&self, name: &str, read: impl Fn(&Value<'_>) -> Parsed<T>) -> Option<T> {
        match self.entry(name) {
            Some((node, span)) => self.read(node, span, self.key_path(name), &read),
            None => self.read_default(name, |node| {
                read(&Value {
                    node,
                    folder: self.report.folder,
                })
            }),
        }
    }

    /// The value of an optional key. `None` means it was left out, or a fault was told.
    pub(super) fn optional<T>(&self, name: &str, read: impl Fn(&Value<'_>) -> Parsed<T>) -> Option<T> {
        let (node, span) = self.entry(name)?;
        self.read(node, span, self.key_path(name), &read)
    }

    /// The values of a list; a single value stands for a list of one. An optional list that was left out is empty.
    pub(super) fn list<T>(&self, name: &str, read: impl Fn(&Value<'_>) -> Parsed<T>) -> Option<Vec<T>> {
        let Some((node, span)) = self.entry(name) else {
            if matches!(self.key(name)?.presence, Presence::Optional) {
                return Some(Vec::new());
            }
            return self.read_default(name, |node| read_all(node, self.report.folder, &read));
        };
        let Some(items) = node.as_array() else {
            return self
                .read(node, span, self.key_path(name), &read)
                .map(|one| vec![one]);
        };
        let read_items = items.iter().enumerate().map(|(index, item)| {
            self.read(
                item.get_ref(),
                item.span(),
                format!("{}[{index}]", self.key_path(name)),
                &read,
            )
        });
        // All items are read before any is missed, so that each fault is told.
        read_items.collect::<Vec<_>>().into_iter().collect()
    }

    /// The section `[name]` below this one; when it is absent all its keys are.
    pub(super) fn section(&self, name: &str) -> Option<Section<'a>> {
        let shape = self.shape.section(name)?;
        let path = self.key_path(name);
        let (entries, span) = match self.entry(name) {
            None => (None, self.span.clone()),
            Some((DeValue::Table(table), span)) => (Some(table), Some(span)),
            Some((_, span)) => {
                let complaint = Complaint::new("expected a section", format!("write it as [{path}]"));
                self.report.add(Weight::Fault, Some(span), path, complaint);
                return None;
            }
        };
        Some(self.below(shape, path, entries, span))
    }

    /// The sections `[[name]]` below this one, in order. `None` means a fault was told.
    pub(super) fn sections(&self, name: &str) -> Option<Vec<Section<'a>>> {
        let shape = self.shape.section(name)?;
        let Some((node, span)) = self.entry(name) else {
            return Some(Vec::new());
        };
        let path = self.key_path(name);
        let tables = node
            .as_array()
            .map(|items| items.iter().map(|item| (item.get_ref().as_table(), item.span())));
        let Some(tables) = tables else {
            let complaint = Complaint::new("expected a repeated section", format!("write it as [[{path}]]"));
            self.report.add(Weight::Fault, Some(span), path, complaint);
            return None;
        };
        let numbered = tables.enumerate();
        Some(
            numbered
                .map(|(index, (table, span))| {
                    self.below(shape, format!("{path}[{index}]"), table, Some(span))
                })
                .collect(),
        )
    }

    /// Whether a key or section was written.
    pub(super) fn has(&self, name: &str) -> bool {
        self.entry(name).is_some()
    }

    /// Adds a finding at a key of this section, or at the section itself when the key was left out.
    pub(super) fn add(
        &self,
        weight: Weight,
        name: &str,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let span = self
            .entry(name)
            .map(|(_, span)| span)
            .or_else(|| self.span.clone());
        self.report
            .add(weight, span, self.key_path(name), Complaint::new(problem, remedy));
    }

    /// Adds a fault at a key of this section.
    pub(super) fn fault(&self, name: &str, problem: impl Into<String>, remedy: impl Into<String>) {
        self.add(Weight::Fault, name, problem, remedy);
    }

    /// Refuses a key whose meaning this version does not have yet, rather than to ignore it.
    pub(super) fn refuse_unsupported(&self, name: &str, feature: &str) {
        let problem = format!("{feature} is not supported by this version");
        self.fault(name, problem, "leave the key out");
    }

    fn below(
        &self,
        shape: &'static Shape,
        path: String,
        entries: Option<&'a DeTable<'a>>,
        span: Option<Range<usize>>,
    ) -> Section<'a> {
        let section = Section {
            shape,
            path,
            span,
            entries,
            report: self.report,
        };
        section.refuse_unknown_keys();
        section
    }

    fn read<T>(
        &self,
        node: &DeValue<'_>,
        span: Range<usize>,
        key: String,
        read: &impl Fn(&Value<'_>) -> Parsed<T>,
    ) -> Option<T> {
        let complaint = match read(&Value {
            node,
            folder: self.report.folder,
        }) {
            Ok(value) => return Some(value),
            Err(complaint) => complaint,
        };
        self.report.add(Weight::Fault, Some(span), key, complaint);
        None
    }

    fn read_default<T>(&self, name: &str, read: impl FnOnce(&DeValue<'_>) -> Parsed<T>) -> Option<T> {
        let complaint = match self.key(name)?.presence {
            Presence::Default(literal) => match DeValue::parse(literal) {
                Ok(node) => match read(node.get_ref()) {
                    Ok(value) => return Some(value),
                    Err(complaint) => complaint,
                },
                Err(error) => Complaint::new(error.message(), ""),
            },
            Presence::Required | Presence::Optional => {
                Complaint::new("the key is missing", format!("add {name} to {}", self.title()))
            }
        };
        self.report
            .add(Weight::Fault, self.span.clone(), self.key_path(name), complaint);
        None
    }

    /// The table's entry for a key; a reader that asks for a key the table does not know is told so in tests.
    fn key(&self, name: &str) -> Option<&'static Key> {
        let key = self.shape.key(name);
        debug_assert!(
            key.is_some(),
            "{} is not in the table of [{}]",
            name,
            self.shape.name
        );
        key
    }

    fn entry(&self, name: &str) -> Option<(&'a DeValue<'a>, Range<usize>)> {
        self.entries?
            .get(name)
            .map(|value| (value.get_ref(), value.span()))
    }

    fn key_path(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    fn title(&self) -> String {
        if self.shape.repeated {
            format!("[[{}]]", self.shape.name)
        } else {
            format!("[{}]", self.path)
        }
    }

    fn refuse_unknown_keys(&self) {
        for key in self.entries.into_iter().flat_map(DeTable::keys) {
            let name: &str = key.get_ref();
            if self.shape.key(name).is_some() || self.shape.section(name).is_some() {
                continue;
            }
            let remedy = match self.shape.nearest(name) {
                Some(nearest) => format!("did you mean {nearest}?"),
                None => format!("known here: {}", self.known_names()),
            };
            let complaint = Complaint::new("unknown key", remedy);
            self.report
                .add(Weight::Fault, Some(key.span()), self.key_path(name), complaint);
        }
    }

    fn known_names(&self) -> String {
        let keys = self.shape.keys.iter().map(|key| key.name);
        keys.chain(self.shape.sections.iter().map(|shape| shape.name))
            .collect::<Vec<_>>()
            .join(", ")
    }
}

fn read_all<T>(node: &DeValue<'_>, folder: &Path, read: &impl Fn(&Value<'_>) -> Parsed<T>) -> Parsed<Vec<T>> {
    let items = node.as_array().into_iter().flatten();
    items
        .map(|item| {
            read(&Value {
                node: item.get_ref(),
                folder,
            })
        })
        .collect()
}
