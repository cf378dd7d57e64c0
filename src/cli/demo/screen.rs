//! What the demonstration shows: for people a story, for machines one JSON object a step.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::console::{CliError, Console};

/// Where the story is shown.
pub(super) struct Screen<'c, 'o> {
    console: &'c mut Console<'o>,
    coloured: bool,
}

/// A step of the story: what happened in it, in order.
pub(super) struct Step {
    /// Its number in the story.
    pub(super) number: u8,
    /// What it is about.
    pub(super) title: &'static str,
    /// What happened.
    pub(super) scenes: Vec<Scene>,
    /// How long it took altogether.
    pub(super) took: Duration,
}

/// One exchange: what was sent, what was checked, what came back.
pub(super) struct Scene {
    /// What it is about, in a few words.
    pub(super) title: String,
    /// What was sent.
    pub(super) sent: String,
    /// What was checked on the way, or found afterwards.
    pub(super) checked: Vec<String>,
    /// What should have come back.
    pub(super) expected: String,
    /// What came back.
    pub(super) answer: String,
    /// Whether everything was as it should be.
    pub(super) ok: bool,
    /// How long it took.
    pub(super) took: Duration,
}

impl Step {
    /// Whether every scene went as it should.
    pub(super) fn ok(&self) -> bool {
        !self.scenes.is_empty() && self.scenes.iter().all(|scene| scene.ok)
    }

    fn to_json(&self) -> Value {
        let scene = |scene: &Scene| {
            json!({
                "title": scene.title,
                "sent": scene.sent,
                "checked": scene.checked,
                "expected": scene.expected,
                "answer": scene.answer,
                "ok": scene.ok,
                "ms": milliseconds(scene.took),
            })
        };
        json!({
            "step": self.number,
            "title": self.title,
            "ok": self.ok(),
            "ms": milliseconds(self.took),
            "scenes": self.scenes.iter().map(scene).collect::<Vec<_>>(),
        })
    }
}

impl<'c, 'o> Screen<'c, 'o> {
    /// Shows on `console`; in colours only when standard output is a terminal and `NO_COLOR` is not set (no-color.org).
    pub(super) fn new(console: &'c mut Console<'o>) -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            console,
            coloured: !unwanted && io::stdout().is_terminal(),
        }
    }
}

/// How wide lines are.
const WIDTH: usize = 96;
/// Where the texts of a scene begin.
const INDENT: usize = 16;

impl Screen<'_, '_> {
    /// Shows a step.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub(super) fn step(&mut self, step: &Step) -> Result<(), CliError> {
        self.console.document(&step.to_json())?;
        let heading = format!("{}  {}", step.number, step.title);
        let time = seconds(step.took);
        let gap = gap(2 + heading.chars().count(), &time);
        self.line(format!("\n  {}{gap}{}", self.bold(&heading), self.dim(&time)))?;
        step.scenes.iter().try_for_each(|scene| self.scene(scene))
    }

    /// Shows lines for people; nothing for machines.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub(super) fn lines(&mut self, lines: &[String]) -> Result<(), CliError> {
        lines.iter().try_for_each(|line| self.line(line))
    }

    /// Shows a document for machines; nothing for people.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub(super) fn document(&mut self, document: &Value) -> Result<(), CliError> {
        self.console.document(document)
    }

    fn scene(&mut self, scene: &Scene) -> Result<(), CliError> {
        let mark = if scene.ok {
            self.green("✓")
        } else {
            self.red("✗")
        };
        let time = seconds(scene.took);
        let gap = gap(7 + scene.title.chars().count(), &time);
        self.line(format!("\n     {mark} {}{gap}{}", scene.title, self.dim(&time)))?;
        self.entry("sent", &scene.sent)?;
        for checked in &scene.checked {
            self.entry("checked", checked)?;
        }
        self.entry("answer", &scene.answer)?;
        if !scene.ok {
            self.entry("expected", &scene.expected)?;
        }
        Ok(())
    }

    fn entry(&mut self, name: &str, text: &str) -> Result<(), CliError> {
        let mut label = format!("{name:<9}");
        for line in wrapped(text, WIDTH - INDENT) {
            self.line(format!("       {}{line}", self.dim(&label)))?;
            label = " ".repeat(9);
        }
        Ok(())
    }

    fn line(&mut self, line: impl std::fmt::Display) -> Result<(), CliError> {
        self.console.line(format_args!("{line}"))
    }

    fn bold(&self, text: &str) -> String {
        self.coloured("1", text)
    }

    fn dim(&self, text: &str) -> String {
        self.coloured("2", text)
    }

    fn green(&self, text: &str) -> String {
        self.coloured("32", text)
    }

    fn red(&self, text: &str) -> String {
        self.coloured("31", text)
    }

    /// `text` in a colour of ECMA-48 section 8.3.117.
    fn coloured(&self, colour: &str, text: &str) -> String {
        if self.coloured {
            format!("\u{1b}[{colour}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

/// `text` in lines of at most `width` characters, broken between words, and a word only when no line can hold it.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let words: Vec<String> = text.split(' ').flat_map(|word| pieces(word, width)).collect();
    for word in &words {
        let used = lines.last().map_or(0, |line| line.chars().count());
        match lines.last_mut() {
            Some(line) if used == 0 => line.push_str(word),
            Some(line) if used + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.clone()),
        }
    }
    lines
}

fn pieces(word: &str, width: usize) -> Vec<String> {
    let characters: Vec<char> = word.chars().collect();
    match characters.len() {
        0 => vec![String::new()],
        _ => characters
            .chunks(width)
            .map(|piece| piece.iter().collect())
            .collect(),
    }
}

/// What lies between a text that ends at column `from` and a time at the end of the line.
fn gap(from: usize, time: &str) -> String {
    " ".repeat(WIDTH.saturating_sub(from + time.len()).max(1))
}

/// For people: milliseconds below a second.
fn seconds(took: Duration) -> String {
    if took < Duration::from_secs(1) {
        format!("{:.1} ms", milliseconds(took))
    } else {
        format!("{:.2} s", took.as_secs_f64())
    }
}

fn milliseconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 10_000.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(ok: bool) -> Step {
        let scene = Scene {
            title: "the amount is changed".to_owned(),
            sent: format!(
                "{}{}",
                "POST /payments, 12.50 made 1250.00 ".repeat(4),
                "long".repeat(60)
            ),
            checked: vec!["digest".to_owned()],
            expected: "400 digest-mismatch".to_owned(),
            answer: "201 Created".to_owned(),
            ok,
            took: Duration::from_micros(1234),
        };
        Step {
            number: 6,
            title: "An attacker",
            scenes: vec![scene],
            took: Duration::from_millis(2),
        }
    }

    fn shown(json: bool, coloured: bool, step: &Step) -> String {
        let mut out = Vec::new();
        let mut console = Console::new(&mut out, json);
        Screen {
            console: &mut console,
            coloured,
        }
        .step(step)
        .unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_machine_gets_one_object_a_step() {
        let text = shown(true, false, &step(true));
        let object: Value = serde_json::from_str(text.trim_end()).unwrap();
        assert_eq!(
            (object["step"].clone(), object["ok"].clone()),
            (json!(6), json!(true))
        );
        assert_eq!(object["scenes"][0]["ms"], json!(1.2));
    }

    #[test]
    fn a_person_reads_lines_of_bounded_width_without_control_characters() {
        let text = shown(false, false, &step(true));
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(!text.contains('\u{1b}') && !text.contains("expected"), "{text}");
        assert!(shown(false, true, &step(true)).contains("\u{1b}[32m✓"));
    }

    #[test]
    fn what_went_wrong_is_shown_with_what_should_have_been() {
        let text = shown(false, false, &step(false));
        assert!(
            text.contains('✗') && text.contains("400 digest-mismatch"),
            "{text}"
        );
        assert!(!step(false).ok());
        assert!(
            !Step {
                scenes: Vec::new(),
                ..step(true)
            }
            .ok()
        );
    }
}
