//! `[admin]`: who vouches for administrators, and how many of them a change needs.

use std::path::PathBuf;

use super::section::{Section, Weight};
use super::shape::{Key, Kind, Shape};
use super::trust_anchors::TrustAnchors;
use super::value;

/// How administrators are recognised and how many must agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Who vouches for administrators' certificates. Present whenever there is an admin listener.
    pub client_ca: Option<TrustAnchors>,
    /// Revocation lists for their certificates, PEM.
    pub client_crl: Option<PathBuf>,
    /// How many administrators a change needs, the proposer included. Nothing counts them in this version.
    pub quorum: u8,
}

pub(super) const SHAPE: Shape = Shape {
    name: "admin",
    meaning: "How administrators are recognised and how many must agree.",
    repeated: false,
    keys: &[
        Key::optional(
            "client_ca",
            Kind::Text,
            "PEM file of the authorities that vouch for administrators; required with admin_listen.",
        ),
        Key::optional(
            "client_crl",
            Kind::Text,
            "PEM file of the revocation lists for their certificates; an expired one lets nobody in.",
        ),
        Key::with_default(
            "quorum",
            Kind::Integer { least: 1, most: 5 },
            "2",
            "How many administrators a change needs, the proposer included; 1 with a development store only. Not enforced by this version.",
        ),
    ],
    sections: &[],
};

pub(super) fn read(section: &Section<'_>) -> Option<Admin> {
    let client_ca = section.optional("client_ca", TrustAnchors::read);
    let client_crl = section.optional("client_crl", value::path);
    if section.has("client_crl") && !section.has("client_ca") {
        section.fault(
            "client_crl",
            "a revocation list without the authority it belongs to",
            "add client_ca",
        );
    }
    let quorum = section.value("quorum", |value| value.integer(1, 5))?;
    if quorum == 1 {
        let problem = "one person alone could weaken the gate";
        section.add(Weight::UnfitForProduction, "quorum", problem, "write 2 or more");
    }
    Some(Admin {
        client_ca,
        client_crl,
        quorum: u8::try_from(quorum).ok()?,
    })
}

/// The admin listener asks for a certificate, so someone must vouch for it.
pub(super) fn check_listener(section: &Section<'_>, listens: bool) {
    if listens && !section.has("client_ca") {
        let remedy = "add client_ca, or write server.admin_listen = []";
        section.fault(
            "client_ca",
            "there is an admin listener, but nobody vouches for administrators",
            remedy,
        );
    }
}
