//! A policy folder as text: which files belong to it, how large they may be, and the version they make.

use std::fs;
use std::path::Path;

use data_encoding::BASE64URL_NOPAD;
use ring::digest;

use super::fault::{BundleError, Fault};

/// The schema's file name.
pub(super) const SCHEMA_FILE: &str = "countersign.cedarschema";
/// The folder of decision tables.
pub(super) const TABLE_FOLDER: &str = "tests";

/// More files than any bundle needs; keeps a wrong path (a home directory) from being read whole.
const LARGEST_FOLDER_FILES: usize = 100;
/// One policy file, decision table or schema. The shipped ones are under 10 KiB.
const LARGEST_FILE_BYTES: u64 = 256 * 1024;

/// One file.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) text: String,
}

/// Reads the schema and the policy files of a folder, in name order.
pub(super) fn read_policies(folder: &Path) -> Result<(String, Vec<Source>), BundleError> {
    let mut faults = Vec::new();
    let mut policies = Vec::new();
    let mut schema = None;
    for name in names(folder)? {
        match name.as_str() {
            SCHEMA_FILE => schema = read(folder, &name).map_err(|fault| faults.push(fault)).ok(),
            TABLE_FOLDER | "README.md" => {}
            _ if name.starts_with('.') => {}
            _ if name.ends_with(".cedar") => match read(folder, &name) {
                Ok(text) => policies.push(Source { name, text }),
                Err(fault) => faults.push(fault),
            },
            _ => faults.push(stray(&name)),
        }
    }
    match schema {
        Some(schema) if faults.is_empty() => Ok((schema, policies)),
        None if faults.is_empty() => Err(Fault::new(
            SCHEMA_FILE,
            0,
            "the schema is missing",
            "Copy it from the shipped policies; without it nothing can be validated.",
        )
        .into()),
        _ => Err(BundleError::of(faults)),
    }
}

/// Reads the decision tables of a folder, in name order; a folder without `tests/` has none.
pub(super) fn read_tables(folder: &Path) -> Result<Vec<Source>, BundleError> {
    let tables = folder.join(TABLE_FOLDER);
    if !tables.is_dir() {
        return Ok(Vec::new());
    }
    let mut faults = Vec::new();
    let mut sources = Vec::new();
    for name in names(&tables)? {
        let shown = format!("{TABLE_FOLDER}/{name}");
        if name.starts_with('.') {
            continue;
        }
        match name.ends_with(".toml").then(|| read(&tables, &name)) {
            Some(Ok(text)) => sources.push(Source { name: shown, text }),
            Some(Err(fault)) => faults.push(Fault { file: shown, ..fault }),
            None => faults.push(Fault {
                file: shown,
                ..stray(&name)
            }),
        }
    }
    if faults.is_empty() {
        Ok(sources)
    } else {
        Err(BundleError::of(faults))
    }
}

/// SHA-256 over names and contents of schema and policies, each with its length before it so that no text can move
/// from one to the next unnoticed; base64url. Decision tables change no decision and are not in it.
pub(super) fn version(schema: &str, policies: &[Source]) -> String {
    let mut sorted: Vec<(&str, &str)> = policies
        .iter()
        .map(|source| (source.name.as_str(), source.text.as_str()))
        .collect();
    sorted.push((SCHEMA_FILE, schema));
    sorted.sort_unstable();
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(b"countersign/policy/v1\n");
    for part in sorted.into_iter().flat_map(|(name, text)| [name, text]) {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    BASE64URL_NOPAD.encode(hash.finish().as_ref())
}

fn names(folder: &Path) -> Result<Vec<String>, BundleError> {
    let unreadable = |error: std::io::Error| {
        Fault::new(
            "",
            0,
            format!("cannot read {}: {error}", folder.display()),
            "Name a folder of policies.",
        )
    };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        names.push(
            entry
                .map_err(unreadable)?
                .file_name()
                .to_string_lossy()
                .into_owned(),
        );
        if names.len() > LARGEST_FOLDER_FILES {
            let problem = format!(
                "{} holds more than {LARGEST_FOLDER_FILES} files",
                folder.display()
            );
            return Err(Fault::new("", 0, problem, "Name the folder of policies itself.").into());
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn read(folder: &Path, name: &str) -> Result<String, Fault> {
    let path = folder.join(name);
    let unreadable = |error: std::io::Error| Fault::new(name, 0, format!("cannot be read: {error}"), "");
    if fs::metadata(&path).map_err(unreadable)?.len() > LARGEST_FILE_BYTES {
        let problem = format!("is larger than {LARGEST_FILE_BYTES} bytes");
        return Err(Fault::new(name, 0, problem, "Split it into several files."));
    }
    fs::read_to_string(&path).map_err(unreadable)
}

fn stray(name: &str) -> Fault {
    Fault::new(
        name,
        0,
        "does not belong into a policy folder, and a misspelt policy file would be silently out of force",
        format!("A folder holds {SCHEMA_FILE}, NN-name.cedar files, {TABLE_FOLDER}/*.toml and README.md."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str, text: &str) -> Source {
        Source {
            name: name.into(),
            text: text.into(),
        }
    }

    #[test]
    fn the_version_follows_every_name_and_byte_and_no_order() {
        let one = version("s", &[source("10-a.cedar", "x"), source("20-b.cedar", "y")]);
        assert_eq!(one.len(), 43);
        assert_eq!(
            one,
            version("s", &[source("20-b.cedar", "y"), source("10-a.cedar", "x")])
        );
        for other in [
            version("t", &[source("10-a.cedar", "x"), source("20-b.cedar", "y")]),
            version("s", &[source("10-a.cedar", "x ")]),
            version("s", &[source("10-a.cedar", "xy"), source("20-b.cedar", "")]),
            version("s", &[source("10-c.cedar", "x"), source("20-b.cedar", "y")]),
        ] {
            assert_ne!(one, other);
        }
    }
}
