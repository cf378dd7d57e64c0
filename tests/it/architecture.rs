//! The shape of the tree, checked: who may import whom, what exists once, and how a folder introduces itself.
//!
//! It reads the source as text, with comments and literals blanked out, so it sees every configuration at once.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

mod source;

use source::{Import, Source, imports, sources};

/// Modules by floor. An import points to a lower floor; modules of one floor do not know each other.
const FLOORS: [(u8, &[&str]); 15] = [
    (0, &["base"]),
    (1, &["config", "answer", "telemetry", "tls"]),
    (2, &["store"]),
    (3, &["keys", "pki"]),
    (4, &["privacy", "outbound"]),
    (5, &["audit", "policy", "defense", "upstream"]),
    (6, &["identity"]),
    (7, &["transaction"]),
    (8, &["oauth"]),
    (9, &["signals", "gate"]),
    (10, &["api", "portal", "admin"]),
    (11, &["edge"]),
    (12, &["server"]),
    (13, &["cli"]),
    (14, &["main"]),
];

/// Crates anyone may build on; they know none of ours but those of their own list.
const LEAVES: [&str; 5] = [
    "countersign-framing",
    "countersign-intent",
    "countersign-jose",
    "countersign-signatures",
    "countersign-tlog",
];
/// What others link; inside the gateway only the command line uses them, for the demonstration and the reference client.
const FOR_OTHERS: [&str; 2] = ["countersign-client", "countersign-verify"];

/// A file longer than this holds more than one concept.
const LINES: usize = 600;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn floor_of(module: &str) -> Option<u8> {
    let of = |(floor, modules): &(u8, &[&str])| modules.contains(&module).then_some(*floor);
    FLOORS.iter().find_map(of)
}

/// What is wrong with one import, if anything.
fn fault_of(source: &Source, import: &Import) -> Option<String> {
    let here = source.module();
    if import.module == here || source.is_contents_page() {
        return None;
    }
    let place = format!("{}:{}", source.path.display(), import.line);
    match (floor_of(here), floor_of(&import.module)) {
        (None, _) => Some(format!("{place}: '{here}' stands on no floor; give it one")),
        // A name of the crate root that is no module, such as a re-export, is on no floor: there are none.
        (_, None) => Some(format!(
            "{place}: imports '{}', which stands on no floor",
            import.module
        )),
        (Some(mine), Some(other)) if other >= mine => {
            let to = &import.module;
            Some(format!(
                "{place}: '{here}' (floor {mine}) imports '{to}' (floor {other})"
            ))
        }
        _ => None,
    }
}

fn assert_none(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn every_import_points_to_a_lower_floor() {
    let files = sources(&root().join("src"));
    assert!(files.len() > 30, "the source was not found");
    let faults = files
        .iter()
        .flat_map(|source| {
            imports(source)
                .into_iter()
                .filter_map(|import| fault_of(source, &import))
        })
        .collect();
    assert_none(faults);
}

/// The checker itself: it must see what it is for.
#[test]
fn an_upward_or_sideways_import_is_seen_wherever_it_hides() {
    let seen = |path: &str, text: &str| {
        let source = Source::new(PathBuf::from(path), text);
        imports(&source)
            .iter()
            .filter_map(|import| fault_of(&source, import))
            .collect::<Vec<_>>()
    };
    let bad = [
        ("src/store/db.rs", "use crate::keys::Keyring;"),
        ("src/store/db.rs", "fn f() { crate::oauth::token() }"),
        ("src/answer/problem.rs", "use crate::config::Config;"),
        ("src/keys/set.rs", "use crate::{base::Clock, pki::Ca};"),
        (
            "src/keys/set.rs",
            "use crate::{\n    base::{Clock, Entropy},\n    admin,\n};",
        ),
        ("src/keys/set.rs", "use super::super::gate::Sealed;"),
        ("src/keys/mod.rs", "use super::gate::Sealed;"),
        (
            "src/keys/set.rs",
            "mod tests { use super::super::super::gate::Sealed; }",
        ),
        ("src/keys/set.rs", "pub(in crate::gate) fn f() {}"),
        ("src/unheard_of/mod.rs", "use crate::base::Clock;"),
        ("src/keys/set.rs", "use crate::unheard_of::Thing;"),
    ];
    for (path, text) in bad {
        assert_eq!(seen(path, text).len(), 1, "{path}: {text}");
    }
    let good = [
        (
            "src/keys/set.rs",
            "use crate::store::Db; use crate::base::Clock; use crate::keys::Purpose;",
        ),
        (
            "src/keys/set.rs",
            "// use crate::gate::Sealed;\n/* crate::gate */ /// [`crate::gate`]",
        ),
        (
            "src/keys/set.rs",
            r##"const A: &str = "crate::gate::Sealed"; const B: &str = r#"crate::gate"#;"##,
        ),
        (
            "src/keys/set.rs",
            "use super::super::base::Clock; use super::purpose::Purpose;",
        ),
        (
            "src/keys/set.rs",
            "fn f<'a>(x: &'a str) -> char { '\"' } // crate::gate",
        ),
        ("src/main.rs", "use countersign::cli;"),
        ("src/lib.rs", "pub mod gate; pub use crate::gate::Sealed;"),
    ];
    for (path, text) in good {
        assert_eq!(seen(path, text), [] as [String; 0], "{path}: {text}");
    }
    let named = seen("src/store/db.rs", "\n\nuse crate::keys::Keyring;");
    assert_eq!(
        named,
        ["src/store/db.rs:3: 'store' (floor 2) imports 'keys' (floor 3)"]
    );
}

fn dependencies(krate: &Path, table: &str) -> Vec<String> {
    let text = std::fs::read_to_string(krate.join("Cargo.toml")).unwrap();
    let manifest: toml::Table = text.parse().unwrap();
    let table = manifest.get(table).and_then(toml::Value::as_table);
    let names = table.into_iter().flat_map(|table| table.keys().cloned());
    names.filter(|name| name.starts_with("countersign")).collect()
}

#[test]
fn the_crates_others_link_stand_on_leaves_only() {
    let mut faults = Vec::new();
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        let krate = entry.unwrap().path();
        let name = format!("countersign-{}", krate.file_name().unwrap().to_str().unwrap());
        assert!(
            LEAVES.contains(&name.as_str()) || FOR_OTHERS.contains(&name.as_str()),
            "{name} is neither a leaf nor for others to link; say which"
        );
        for table in ["dependencies", "build-dependencies"] {
            let above = dependencies(&krate, table)
                .into_iter()
                .filter(|on| !LEAVES.contains(&on.as_str()));
            faults.extend(
                above.map(|on| format!("crates/{name}/Cargo.toml: depends on {on}, which is no leaf")),
            );
        }
    }
    assert_none(faults);
}

#[test]
fn only_the_command_line_uses_the_crates_others_link() {
    let mut faults = Vec::new();
    for source in sources(&root().join("src"))
        .iter()
        .filter(|source| source.module() != "cli")
    {
        for name in FOR_OTHERS.map(|name| name.replace('-', "_")) {
            let found = source.lines_with(&name);
            faults.extend(found.map(|line| format!("{}:{line}: uses {name}", source.path.display())));
        }
    }
    assert_none(faults);
}

/// What may be sent upstream has gone through the whole journey: one type says so, the last of the gate.
#[test]
fn exactly_one_type_can_be_sent_upstream() {
    let files = sources(&root().join("src"));
    let implementations: Vec<_> = files
        .iter()
        .flat_map(|source| {
            let found = source.outside_tests("Sendable for ");
            found
                .map(|line| format!("{}:{line}", source.path.display()))
                .collect::<Vec<_>>()
        })
        .collect();
    let gate_stands = root().join("src/gate").is_dir();
    assert_eq!(
        implementations.len(),
        usize::from(gate_stands),
        "{implementations:?}"
    );
    assert!(
        implementations.iter().all(|place| place.starts_with("src/gate/")),
        "{implementations:?}"
    );
}

#[test]
fn the_clock_is_read_in_one_place() {
    let mut faults = Vec::new();
    for source in sources(&root().join("src")) {
        if source.path == Path::new("src/base/clock.rs") {
            assert_eq!(source.lines_with("SystemTime::now").count(), 1);
            continue;
        }
        for call in [
            "SystemTime::now",
            "jiff::Timestamp::now",
            "Zoned::now",
            "Utc::now",
        ] {
            faults.extend(
                source
                    .lines_with(call)
                    .map(|line| format!("{}:{line}: {call}", source.path.display())),
            );
        }
    }
    assert_none(faults);
}

/// By its `mod.rs`, or below a module by the file of its name beside it.
#[test]
fn every_folder_introduces_itself() {
    let mut faults = Vec::new();
    let files = sources(&root().join("src"));
    let mut folders: Vec<_> = files.iter().filter_map(|source| source.path.parent()).collect();
    folders.dedup();
    for folder in folders.into_iter().filter(|folder| *folder != Path::new("src")) {
        let is_module = folder.parent() == Some(Path::new("src"));
        let (page, beside) = (folder.join("mod.rs"), folder.with_extension("rs"));
        let read = |path: &Path| std::fs::read_to_string(root().join(path)).ok();
        let text = read(&page).or_else(|| read(&beside).filter(|_| !is_module));
        match text {
            Some(text) if text.starts_with("//! ") => {}
            Some(_) => faults.push(format!("{}: does not say first what it is for", folder.display())),
            None => faults.push(format!("{}: is missing", page.display())),
        }
    }
    assert_none(faults);
}

#[test]
fn no_file_holds_more_than_a_concept() {
    let mut files = sources(&root().join("src"));
    for folder in ["crates", "tests", "fuzz", "benches"] {
        files.extend(sources(&root().join(folder)));
    }
    files.sort_by_key(|source| std::cmp::Reverse(source.length));
    let mut longest = String::new();
    for source in files.iter().take(10) {
        writeln!(longest, "{:>6} {}", source.length, source.path.display()).unwrap();
    }
    println!("the longest files:\n{longest}");
    let over = files.iter().filter(|source| source.length > LINES);
    assert_none(
        over.map(|source| format!("{}: {} lines", source.path.display(), source.length))
            .collect(),
    );
}
