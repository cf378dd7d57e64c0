//! `[outbound]`: the hosts that the gateway may call of its own accord, upstreams apart.

use super::public_url::read_authority;
use super::section::Section;
use super::shape::{Key, Kind, Shape};

/// Where the gateway may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbound {
    /// Hosts, with the port unless it is 443; nothing else is called.
    pub allow: Vec<String>,
}

pub(super) const SHAPE: Shape = Shape {
    name: "outbound",
    meaning: "Hosts that the gateway may call of its own accord, upstreams apart.",
    repeated: false,
    keys: &[Key::with_default(
        "allow",
        Kind::List(&Kind::Text),
        "[]",
        "Hosts, with the port unless it is 443.",
    )],
    sections: &[],
};

pub(super) fn read(section: &Section<'_>) -> Option<Outbound> {
    let allow = section.list("allow", read_authority)?;
    if !allow.is_empty() {
        section.refuse_unsupported("allow", "a call of the gateway's own accord");
    }
    Some(Outbound { allow })
}
