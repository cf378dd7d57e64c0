//! `[proxy]`: networks whose connections must begin with a PROXY protocol header.

use super::section::Section;
use super::shape::{Key, Kind, Shape};
use super::value::{self, Network};

/// Proxies in front of the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Networks the header is required from; it is refused from all others.
    pub trusted: Vec<Network>,
}

pub(super) const SHAPE: Shape = Shape {
    name: "proxy",
    meaning: "Proxies in front of the gateway.",
    repeated: false,
    keys: &[Key::with_default(
        "trusted",
        Kind::List(&Kind::Text),
        "[]",
        "Networks that must send a PROXY v2 header.",
    )],
    sections: &[],
};

pub(super) fn read(section: &Section<'_>) -> Option<Proxy> {
    let trusted = section.list("trusted", value::network)?;
    if !trusted.is_empty() {
        section.refuse_unsupported("trusted", "the PROXY protocol");
    }
    Some(Proxy { trusted })
}
