//! `[auth]`: the host of the pages on which customers enter their credentials.

use super::public_url::read_authority;
use super::section::Section;
use super::shape::{Key, Kind, Shape};

/// Where customers enter their credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// Authority of the login, consent and account pages; `None`: that of `public_url`.
    pub host: Option<String>,
}

pub(super) const SHAPE: Shape = Shape {
    name: "auth",
    meaning: "Where customers enter their credentials.",
    repeated: false,
    keys: &[Key::optional(
        "host",
        Kind::Text,
        "Host of the login, consent and account pages; by default that of public_url. It must differ from every route's host.",
    )],
    sections: &[],
};

pub(super) fn read(section: &Section<'_>) -> Option<Auth> {
    Some(Auth {
        host: section.optional("host", read_authority),
    })
}
