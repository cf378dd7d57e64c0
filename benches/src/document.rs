//! Tables and plots in the documentation, between markers that only this program writes between.

use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::machine::{Watch, description};

/// Where the figures stand.
const PAGE: &str = "docs/performance.md";
/// Where the plots lie, seen from the page's folder.
const PLOTS: &str = "performance";

/// The documentation of a project's folder.
pub struct Document {
    root: PathBuf,
    writes: bool,
}

impl Document {
    /// Of the project in `root`; without `writes` everything is only printed.
    #[must_use]
    pub fn new(root: &Path, writes: bool) -> Self {
        Self {
            root: root.to_owned(),
            writes,
        }
    }

    /// Prints a section, and puts it between `<!-- bench:NAME -->` and `<!-- /bench:NAME -->`.
    ///
    /// # Errors
    /// The page has no such markers, or cannot be written.
    pub fn put(&self, name: &str, text: &str) -> Outcome<()> {
        print(text)?;
        if !self.writes {
            return Ok(());
        }
        let page = self.root.join(PAGE);
        let whole = std::fs::read_to_string(&page)?;
        let (from, to) = (
            format!("<!-- bench:{name} -->\n"),
            format!("<!-- /bench:{name} -->"),
        );
        let parts = whole
            .split_once(&from)
            .and_then(|(before, rest)| rest.split_once(&to).map(|(_, after)| (before, after)));
        let (before, after) = parts.ok_or_else(|| format!("{PAGE} has no markers for {name}"))?;
        std::fs::write(page, format!("{before}{from}\n{text}\n{to}{after}"))?;
        Ok(())
    }

    /// Writes a plot, and says how the page shows it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn plot(&self, name: &str, alternative: &str, svg: &str) -> Outcome<String> {
        if self.writes {
            let folder = self.root.join("docs").join(PLOTS);
            std::fs::create_dir_all(&folder)?;
            std::fs::write(folder.join(format!("{name}.svg")), svg)?;
        }
        Ok(format!("![{alternative}]({PLOTS}/{name}.svg)"))
    }
}

/// Says on which machine, and how quiet it was.
#[must_use]
pub fn circumstances(watch: &Watch, folder: &Path) -> String {
    format!(
        "Measured on: {}. While it ran, {}.",
        description(folder),
        watch.told()
    )
}

/// A table of Markdown, numbers at the right.
#[must_use]
pub fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &[&str]| format!("| {} |", cells.join(" | "));
    let mut lines = vec![line(heads), line(&vec!["---:"; heads.len()])];
    for row in rows {
        lines.push(line(&row.iter().map(String::as_str).collect::<Vec<_>>()));
    }
    lines.join("\n")
}

/// A whole number with its thousands apart.
#[must_use]
pub fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Prints a text.
///
/// # Errors
/// Nobody reads it.
pub fn print(text: &str) -> Outcome<()> {
    use std::io::Write as _;
    writeln!(std::io::stdout().lock(), "{text}")?;
    Ok(())
}

/// Says on the error stream how far a measurement is.
pub fn progress(text: &str) {
    use std::io::Write as _;
    // Whoever does not listen misses nothing.
    let _ = writeln!(std::io::stderr(), "… {text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_between_the_markers_is_replaced_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("docs")).unwrap();
        let page = root.path().join(PAGE);
        std::fs::write(&page, "a\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nb\n").unwrap();
        let document = Document::new(root.path(), true);
        for _ in 0..2 {
            document.put("x", "new").unwrap();
            let text = std::fs::read_to_string(&page).unwrap();
            assert_eq!(text, "a\n<!-- bench:x -->\n\nnew\n<!-- /bench:x -->\nb\n");
        }
        assert!(document.put("y", "new").is_err());
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(thousands(1_234_567.4), "1,234,567");
        assert_eq!(thousands(999.0), "999");
    }
}
