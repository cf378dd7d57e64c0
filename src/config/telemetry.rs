//! `[telemetry]`: how much the gateway says about itself, and in which form.

use super::section::Section;
use super::shape::{Key, Kind, Shape, words};

/// How much is logged, and in which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Telemetry {
    /// Least severe level that is written.
    pub level: LogLevel,
    /// Form of the lines.
    pub format: LogFormat,
}

words! {
    /// Severity of a log line.
    pub enum LogLevel {
        /// Something failed that should not.
        Error = "error",
        /// Something deserves a second look.
        Warn = "warn",
        /// What happened.
        Info = "info",
        /// How it happened.
        Debug = "debug",
    }
}

words! {
    /// Form of log lines.
    pub enum LogFormat {
        /// For people.
        Text = "text",
        /// One JSON object a line.
        Json = "json",
    }
}

pub(super) const SHAPE: Shape = Shape {
    name: "telemetry",
    meaning: "How much is logged, and in which form.",
    repeated: false,
    keys: &[
        Key::with_default(
            "level",
            Kind::Word(LogLevel::WORDS),
            "\"info\"",
            "Least severe level that is written.",
        ),
        Key::with_default(
            "format",
            Kind::Word(LogFormat::WORDS),
            "\"text\"",
            "Form of log lines.",
        ),
    ],
    sections: &[],
};

pub(super) fn read(section: &Section<'_>) -> Option<Telemetry> {
    let level = section.value("level", LogLevel::read);
    let format = section.value("format", LogFormat::read);
    Some(Telemetry {
        level: level?,
        format: format?,
    })
}
