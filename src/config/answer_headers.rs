//! `[[route]] answer_headers`: the origin-wide fields of a backend's answers that one route lets through.

use http::HeaderName;

use super::shape::{Key, Kind};
use super::value::{Complaint, Parsed, Value};

/// What can be let through: fields by which a page of the backend's acts on the whole origin, where the operator says that
/// this origin is the backend's to act on. Everything else that does not pass is the gateway's own word or tells what
/// runs behind it, and passes nowhere.
const ALLOWED: [&str; 10] = [
    "set-cookie",
    "clear-site-data",
    "service-worker-allowed",
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-allow-private-network",
    "access-control-expose-headers",
    "access-control-max-age",
];

pub(super) const KEY: Key = Key::optional(
    "answer_headers",
    Kind::List(&Kind::Text),
    "Fields of the backend's answers that pass although they act on the whole origin, such as set-cookie or \
     access-control-allow-origin; none when left out.",
);

/// One name, in small letters.
pub(super) fn read(value: &Value<'_>) -> Parsed<HeaderName> {
    let text = value.text()?;
    let name = HeaderName::from_bytes(text.as_bytes()).ok();
    name.filter(|name| ALLOWED.contains(&name.as_str()))
        .ok_or_else(|| {
            let problem = format!("{} is not a field that a route can let through", value.quoted());
            Complaint::new(problem, format!("write one of {}", ALLOWED.join(", ")))
        })
}

/// Each name once, in an order that does not depend on how the list was written.
pub(super) fn sorted(mut names: Vec<HeaderName>) -> Vec<HeaderName> {
    names.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
    names.dedup();
    names
}
