//! `audit tail` and `audit search`.

use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::failed;
use crate::cli::admin_client::{AdminClient, AdminConnection};
use crate::cli::console::{CliError, Console};

/// How often `--follow` asks.
const FOLLOW: Duration = Duration::from_secs(1);

/// The arguments of `audit tail`.
#[derive(Args, Debug)]
pub(super) struct TailArgs {
    /// How many of the newest events
    #[arg(short = 'n', long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    lines: u32,
    /// Go on showing events as they come, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    #[command(flatten)]
    connection: AdminConnection,
}

/// The arguments of `audit search`.
#[derive(Args, Debug)]
pub(super) struct SearchArgs {
    /// The kind of event, such as permitted or login-failed
    #[arg(long)]
    kind: Option<String>,
    /// The customer it is about: their identifier, never a name
    #[arg(long, value_name = "ID")]
    customer: Option<String>,
    /// The transaction it is about, as Txn-Tokens and receipts name it
    #[arg(long, value_name = "ID")]
    transaction: Option<String>,
    /// Text that stands in the event
    #[arg(long, value_name = "TEXT")]
    contains: Option<String>,
    /// Not before this moment, such as 2026-09-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<jiff::Timestamp>,
    /// Before this moment
    #[arg(long, value_name = "TIME")]
    until: Option<jiff::Timestamp>,
    /// Show so many at most
    #[arg(long, default_value_t = 1000)]
    limit: usize,
    #[command(flatten)]
    connection: AdminConnection,
}

/// Runs `audit tail`. With `--json` each page is a document on a line of its own.
pub(super) async fn tail(args: &TailArgs, console: &mut Console<'_>) -> Result<(), CliError> {
    let client = AdminClient::new(&args.connection)?;
    let mut path = format!("/admin/v1/audit/events?limit={}", args.lines);
    loop {
        let page = client.get(&path).await.map_err(|error| failed(error, console))?;
        if !events(&page).is_empty() || !args.follow {
            console.document(&page)?;
        }
        tell(events(&page), console)?;
        if !args.follow {
            return Ok(());
        }
        let reached = page.get("next").and_then(Value::as_i64);
        let last = page.get("last").and_then(Value::as_i64).unwrap_or(0);
        path = format!(
            "/admin/v1/audit/events?limit=1000&after={}",
            reached.unwrap_or(last)
        );
        if reached.is_none() {
            tokio::time::sleep(FOLLOW).await;
        }
    }
}

/// Runs `audit search`: page after page until the end of the log, or until enough was found.
pub(super) async fn search(args: &SearchArgs, console: &mut Console<'_>) -> Result<(), CliError> {
    let client = AdminClient::new(&args.connection)?;
    let query = args.query();
    let (mut found, mut after) = (Vec::new(), 0);
    loop {
        let path = format!("/admin/v1/audit/events?limit=1000&after={after}{query}");
        let mut page = client.get(&path).await.map_err(|error| failed(error, console))?;
        let next = page.get("next").and_then(Value::as_i64);
        if let Some(Value::Array(events)) = page.get_mut("events").map(Value::take) {
            let room = args.limit.saturating_sub(found.len());
            let events: Vec<Value> = events.into_iter().take(room).collect();
            tell(&events, console)?;
            found.extend(events);
        }
        match next {
            Some(next) if next > after && found.len() < args.limit => after = next,
            _ => break,
        }
    }
    if found.is_empty() {
        console.line(format_args!("no event fits"))?;
    }
    console.document(&json!({ "events": found }))
}

impl SearchArgs {
    fn query(&self) -> String {
        let mut query = String::new();
        let texts = [
            ("kind", &self.kind),
            ("customer", &self.customer),
            ("transaction", &self.transaction),
            ("contains", &self.contains),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                // Writing to a string cannot fail.
                let _ = write!(query, "&{name}={}", percent_encoded(value));
            }
        }
        for (name, moment) in [("since", self.since), ("until", self.until)] {
            if let Some(moment) = moment {
                let _ = write!(query, "&{name}={}", moment.as_second());
            }
        }
        query
    }
}

/// A value in a query (RFC 3986, section 2.3: what is not unreserved is encoded).
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn events(page: &Value) -> &[Value] {
    page.get("events")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// An event a line: sequence, time, kind, and the rest as JSON, in which control characters are escaped (ASVS 16.4.1).
fn tell(events: &[Value], console: &mut Console<'_>) -> Result<(), CliError> {
    for event in events {
        let sequence = event.get("sequence").and_then(Value::as_i64).unwrap_or(0);
        let at = event.get("at").and_then(Value::as_str).unwrap_or("-");
        let mut what = event.get("event").cloned().unwrap_or_default();
        let kind = what
            .as_object_mut()
            .and_then(|members| members.remove("kind"))
            .and_then(|kind| kind.as_str().map(str::to_owned));
        console.line(format_args!(
            "{sequence:>8}  {at:<27}  {:<18} {what}",
            kind.unwrap_or_default()
        ))?;
    }
    Ok(())
}
