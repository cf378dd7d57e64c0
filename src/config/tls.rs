//! `[tls]` and `[[tls.certificate]]`: what the gateway shows and whom it believes (SP 800-52r2; Mozilla "modern").

use std::path::PathBuf;
use std::time::Duration;

use super::quantity::duration_within;
use super::secret_ref::SecretRef;
use super::section::Section;
use super::shape::{Key, Kind, Shape, words};
use super::trust_anchors::TrustAnchors;
use super::value;

/// TLS of the public listener and its twin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Certificates, at least one; chosen by the name the client asks for.
    pub certificates: Vec<Certificate>,
    /// Oldest version spoken to clients; administrators always need 1.3.
    pub min_version: TlsVersion,
    /// Who vouches for client certificates on the twin; `None`: only self-signed registered ones (RFC 8705 section 2.2).
    pub client_ca: Option<TrustAnchors>,
    /// Revocation lists for client certificates, PEM.
    pub client_crl: Option<PathBuf>,
    /// How often the key of session tickets changes (at most 24 h, TLS-08).
    pub ticket_rotation: Duration,
}

/// One certificate of the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// PEM file of the certificate and its intermediates, leaf first.
    pub chain: PathBuf,
    /// Its private key, PEM.
    pub key: SecretRef,
}

words! {
    /// A version of TLS.
    pub enum TlsVersion {
        /// RFC 5246.
        Tls12 = "1.2",
        /// RFC 8446.
        Tls13 = "1.3",
    }
}

pub(super) const SHAPE: Shape = Shape {
    name: "tls",
    meaning: "What the gateway shows and whom it believes.",
    repeated: false,
    keys: &[
        Key::with_default(
            "min_version",
            Kind::Word(TlsVersion::WORDS),
            "\"1.3\"",
            "Oldest TLS version spoken to clients; administrators always need 1.3.",
        ),
        Key::optional(
            "client_ca",
            Kind::Text,
            "PEM file of the authorities that vouch for client certificates on mtls_listen.",
        ),
        Key::optional(
            "client_crl",
            Kind::Text,
            "PEM file of the revocation lists for client certificates; an expired one lets nobody in.",
        ),
        Key::with_default(
            "ticket_rotation",
            Kind::Duration,
            "\"6h\"",
            "How often the key of session tickets changes; at most 24h.",
        ),
    ],
    sections: &[&CERTIFICATE],
};

const CERTIFICATE: Shape = Shape {
    name: "certificate",
    meaning: "A certificate of the gateway; several are chosen from by the name the client asks for.",
    repeated: true,
    keys: &[
        Key::required(
            "chain",
            Kind::Text,
            "PEM file: the certificate, then its intermediates.",
        ),
        Key::required("key", Kind::Secret, "Reference to its private key, PEM."),
    ],
    sections: &[],
};

pub(super) fn read(section: &Section<'_>) -> Option<Tls> {
    let written = section.sections("certificate");
    if written.as_ref().is_some_and(Vec::is_empty) {
        let remedy =
            "add [[tls.certificate]] with chain and key; countersign certs issue server NAME makes both";
        section.fault("certificate", "the gateway has no certificate", remedy);
    }
    // Each is read before any is missed, so that each fault is told.
    let certificates: Option<Vec<Option<Certificate>>> =
        written.map(|written| written.iter().map(read_certificate).collect());
    let min_version = section.value("min_version", TlsVersion::read);
    let client_ca = section.optional("client_ca", TrustAnchors::read);
    let client_crl = section.optional("client_crl", value::path);
    let ticket_rotation = section.value("ticket_rotation", duration_within(minutes(1), minutes(24 * 60)));
    if section.has("client_crl") && !section.has("client_ca") {
        section.fault(
            "client_crl",
            "a revocation list without the authority it belongs to",
            "add client_ca",
        );
    }
    Some(Tls {
        certificates: certificates?.into_iter().collect::<Option<_>>()?,
        min_version: min_version?,
        client_ca,
        client_crl,
        ticket_rotation: ticket_rotation?,
    })
}

fn read_certificate(section: &Section<'_>) -> Option<Certificate> {
    let chain = section.value("chain", value::path);
    let key = section.value("key", SecretRef::read);
    Some(Certificate {
        chain: chain?,
        key: key?,
    })
}

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}
