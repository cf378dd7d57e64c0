//! The log: one line an event on standard error, for people or as JSON for machines.

use tracing::field::Field;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt::format::{Writer, debug_fn};

/// The filter when neither the argument nor `COUNTERSIGN_LOG` names one: what we do, and what the libraries complain of.
const DEFAULT_FILTER: &str = "warn,countersign=info";
/// The environment variable with the filter, in the syntax of `tracing_subscriber::EnvFilter`: `warn,countersign::gate=debug`.
const FILTER_VARIABLE: &str = "COUNTERSIGN_LOG";

/// Who reads the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// People.
    #[default]
    Human,
    /// Machines: one JSON object a line.
    Json,
}

/// Why the log could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter does not parse.
    #[error("the log filter `{filter}` does not parse: {cause}")]
    Filter {
        /// The filter as given.
        filter: String,
        /// What the parser says.
        cause: String,
    },
    /// Something else in this process has taken the log already.
    #[error("the log was started before")]
    Started,
}

/// Starts the process's log. `filter` wins over `COUNTERSIGN_LOG`, which wins over the default.
///
/// # Errors
/// A filter that does not parse, or a second start.
pub fn start(format: Format, filter: Option<&str>) -> Result<(), LogError> {
    use std::io::IsTerminal as _;
    let filter = filter_from(filter, std::env::var(FILTER_VARIABLE).ok().as_deref())?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // A line that cannot be written is lost. Complaining about it on the same stderr would panic, and end requests
        // because a disk is full.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    let started = match format {
        Format::Human => builder
            .with_ansi(std::io::stderr().is_terminal())
            .fmt_fields(debug_fn(write_field).delimited(" "))
            .try_init(),
        Format::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|_| LogError::Started)
}

fn filter_from(argument: Option<&str>, environment: Option<&str>) -> Result<EnvFilter, LogError> {
    let text = argument
        .or(environment.filter(|text| !text.is_empty()))
        .unwrap_or(DEFAULT_FILTER);
    EnvFilter::try_new(text).map_err(|error| LogError::Filter {
        filter: text.to_owned(),
        cause: error.to_string(),
    })
}

/// Writes one field of a line for people. Whatever the value holds, it stays on its line and in its colours: control
/// characters and characters that turn the reading direction are escaped (HDR-06, CWE-117).
fn write_field(writer: &mut Writer<'_>, field: &Field, value: &dyn std::fmt::Debug) -> std::fmt::Result {
    if field.name() != "message" {
        write!(writer, "{}=", field.name())?;
    }
    for character in format!("{value:?}").chars() {
        if is_unsafe(character) {
            write!(writer, "{}", character.escape_unicode())?;
        } else {
            writer.write_char(character)?;
        }
    }
    Ok(())
}

fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// HDR-06
    #[test]
    fn a_value_cannot_forge_a_line_or_colours() {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .fmt_fields(debug_fn(write_field).delimited(" "))
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(path = %"/x\r\nINFO forged\u{1b}[31m\u{202e}", "asked\nfor");
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.matches('\n').count(), 1, "{text:?}");
        assert!(
            !text.contains('\u{1b}') && !text.contains('\r') && !text.contains('\u{202e}'),
            "{text:?}"
        );
        assert!(
            text.contains("asked\\u{a}for") && text.contains("path=/x\\u{d}\\u{a}INFO forged"),
            "{text:?}"
        );
    }

    #[test]
    fn the_argument_wins_over_the_environment_and_nonsense_is_named() {
        assert_eq!(
            filter_from(Some("debug"), Some("trace")).unwrap().to_string(),
            "debug"
        );
        assert_eq!(filter_from(None, Some("trace")).unwrap().to_string(), "trace");
        assert!(
            filter_from(None, Some(""))
                .unwrap()
                .to_string()
                .contains("countersign=info")
        );
        let error = filter_from(Some("countersign=shouting"), None).unwrap_err();
        assert!(error.to_string().contains("countersign=shouting"), "{error}");
    }
}
