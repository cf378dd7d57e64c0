//! `[proxy]`: networks whose connections must begin with a PROXY protocol header.

use super::section::Section;
use super::shape::{Key, Kind, Shape};
use super::value::{self, Network};

/// Proxies in front of the gateway: of its public door, its twin and its admin listener; the operations listener has none.
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
        "Networks whose connections must begin with a PROXY header of version 2; from all others it is refused.",
    )],
    sections: &[],
};

pub(super) fn read(section: &Section<'_>) -> Option<Proxy> {
    Some(Proxy {
        trusted: section.list("trusted", value::network)?,
    })
}
