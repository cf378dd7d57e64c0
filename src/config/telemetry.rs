//! `[telemetry]`: how much the gateway says about itself, and in which form.

use std::path::PathBuf;

use super::section::Section;
use super::shape::{Key, Kind, Shape, words};
use super::value::{Complaint, Parsed, Value};

/// How much is logged, and in which form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telemetry {
    /// Least severe level that is written.
    pub level: LogLevel,
    /// Form of the lines.
    pub format: LogFormat,
    /// Where a line for each request goes.
    pub access_log: AccessLog,
}

/// Where the access log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLog {
    /// Nowhere.
    Off,
    /// To standard output.
    Stdout,
    /// To the end of a file.
    File(PathBuf),
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
        Key::with_default(
            "access_log",
            Kind::Text,
            "\"off\"",
            "Where a line of JSON for each request goes: off, stdout or file:PATH.",
        ),
    ],
    sections: &[],
};

pub(super) fn read(section: &Section<'_>) -> Option<Telemetry> {
    let level = section.value("level", LogLevel::read);
    let format = section.value("format", LogFormat::read);
    let access_log = section.value("access_log", read_access_log);
    Some(Telemetry {
        level: level?,
        format: format?,
        access_log: access_log?,
    })
}

fn read_access_log(value: &Value<'_>) -> Parsed<AccessLog> {
    match value.text()? {
        "off" => Ok(AccessLog::Off),
        "stdout" => Ok(AccessLog::Stdout),
        text => match text.strip_prefix("file:") {
            Some(path) if !path.is_empty() => Ok(AccessLog::File(value.folder.join(path))),
            _ => Err(Complaint::new(
                "this is no place for the access log",
                "write \"off\", \"stdout\" or \"file:PATH\"",
            )),
        },
    }
}
