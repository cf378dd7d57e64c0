//! Source files as text: comments and literals blanked out, imports found.

use std::path::{Path, PathBuf};

/// One file below the root of the project.
pub(super) struct Source {
    /// From the project's root.
    pub(super) path: PathBuf,
    /// The text with comments and literals blanked out; lines stand where they stood.
    code: String,
    /// How many lines it has.
    pub(super) length: usize,
}

/// A mention of another module of the gateway.
pub(super) struct Import {
    /// The module, a direct child of the crate.
    pub(super) module: String,
    /// Where.
    pub(super) line: usize,
}

/// Every Rust file below `folder`, in order of its path.
pub(super) fn sources(folder: &Path) -> Vec<Source> {
    let mut found = Vec::new();
    collect(folder, &mut found);
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

fn collect(folder: &Path, found: &mut Vec<Source>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().to_owned();
            found.push(Source::new(path, &text));
        }
    }
}

impl Source {
    pub(super) fn new(path: PathBuf, text: &str) -> Self {
        Self {
            path,
            code: blanked(text),
            length: text.lines().count(),
        }
    }

    /// The module directly below the crate this file belongs to: `src/keys/set.rs` is of `keys`, `src/main.rs` is `main`.
    pub(super) fn module(&self) -> &str {
        let below = self.path.iter().nth(1).and_then(|part| part.to_str()).unwrap();
        below.strip_suffix(".rs").unwrap_or(below)
    }

    /// `src/lib.rs` names every module and stands on no floor.
    pub(super) fn is_contents_page(&self) -> bool {
        self.path == Path::new("src/lib.rs")
    }

    /// The lines whose code holds `text`.
    pub(super) fn lines_with<'a>(&'a self, text: &'a str) -> impl Iterator<Item = usize> + 'a {
        let lines = (1..).zip(self.code.lines());
        lines
            .filter(move |(_, line)| line.contains(text))
            .map(|(number, _)| number)
    }

    /// The same, without test modules; they stand at the end of a file or in one of their own.
    pub(super) fn outside_tests<'a>(&'a self, text: &'a str) -> impl Iterator<Item = usize> + 'a {
        let of_tests = self.path.iter().any(|part| part == "tests" || part == "tests.rs");
        let end = if of_tests {
            0
        } else {
            self.code.find("mod tests {").unwrap_or(self.code.len())
        };
        let last = self.code[..end].lines().count();
        self.lines_with(text).filter(move |line| *line <= last)
    }

    /// How many `super::` lead from this file to the crate: `src/keys/mod.rs` 1, `src/keys/set.rs` 2.
    fn depth(&self) -> usize {
        let parts = self.path.iter().count() - 1;
        let is_page = self.path.ends_with("mod.rs");
        if is_page { parts - 1 } else { parts }
    }
}

/// Every module of the crate that `source` mentions.
pub(super) fn imports(source: &Source) -> Vec<Import> {
    let code = &source.code;
    let mut roots: Vec<usize> = ["crate::", "countersign::", "in crate::"]
        .iter()
        .flat_map(|root| ends_of(code, root))
        .collect();
    roots.extend(supers(source));
    roots.sort_unstable();
    roots.dedup();
    roots
        .into_iter()
        .flat_map(|at| {
            let line = code[..at].lines().count().max(1);
            names(&code[at..])
                .into_iter()
                .map(move |module| Import { module, line })
        })
        .collect()
}

/// Where each `root` that stands as a word of its own ends.
fn ends_of<'a>(code: &'a str, root: &'a str) -> impl Iterator<Item = usize> + 'a {
    let alone = |at: usize| !code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_');
    code.match_indices(root)
        .filter(move |(at, _)| alone(*at))
        .map(|(at, root)| at + root.len())
}

/// Where chains of `super::` end that lead as far as the crate.
fn supers(source: &Source) -> Vec<usize> {
    let code = &source.code;
    let inline = code.find("mod tests {").unwrap_or(code.len());
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = code[at..].find("super::").map(|offset| at + offset) {
        let mut end = start;
        while code[end..].starts_with("super::") {
            end += "super::".len();
        }
        let length = (end - start) / "super::".len();
        if length >= source.depth() + usize::from(start > inline) {
            found.push(end);
        }
        at = end;
    }
    found
}

/// The first names behind a root: one, or each of a group in braces.
fn names(rest: &str) -> Vec<String> {
    let Some(group) = rest.strip_prefix('{') else {
        return vec![word(rest)];
    };
    let (mut depth, mut names, mut expected) = (0_usize, Vec::new(), true);
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => expected = true,
            _ if expected && !character.is_whitespace() => {
                names.push(word(&group[at..]));
                expected = false;
            }
            _ => {}
        }
    }
    names
}

fn word(text: &str) -> String {
    text.chars()
        .take_while(|character| character.is_alphanumeric() || *character == '_')
        .collect()
}

/// The code without its comments and literals, each replaced by blanks of the same length in lines.
fn blanked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = literal_or_comment(rest, out.chars().next_back());
        if length == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            out.extend(rest[..length].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = &rest[length..];
        }
    }
    out
}

/// How many bytes of a comment or literal begin here; 0 for none.
fn literal_or_comment(rest: &str, before: Option<char>) -> usize {
    let in_word = before.is_some_and(|before| before.is_alphanumeric() || before == '_');
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return rest.find("*/").map_or(rest.len(), |end| end + 2);
    }
    if rest.starts_with('"') {
        return string(rest);
    }
    if !in_word && (rest.starts_with("r\"") || rest.starts_with("r#")) {
        return raw_string(rest);
    }
    if rest.starts_with('\'') {
        return character(rest);
    }
    0
}

fn string(rest: &str) -> usize {
    let mut escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

fn raw_string(rest: &str) -> usize {
    let hashes = rest[1..]
        .chars()
        .take_while(|character| *character == '#')
        .count();
    let Some(body) = rest[1 + hashes..].strip_prefix('"') else {
        return 0;
    };
    let close = format!("\"{}", "#".repeat(hashes));
    body.find(&close)
        .map_or(rest.len(), |end| 1 + hashes + 1 + end + close.len())
}

/// A character literal, but not a lifetime.
fn character(rest: &str) -> usize {
    let mut characters = rest.char_indices().skip(1);
    match (characters.next(), characters.next()) {
        (Some((_, '\\')), _) => rest[3..].find('\'').map_or(0, |end| 3 + end + 1),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 0,
    }
}
