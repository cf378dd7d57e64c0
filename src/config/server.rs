//! `[server]`: who the gateway is and where it listens.

use std::net::SocketAddr;

use super::public_url::PublicUrl;
use super::section::{Section, Weight};
use super::shape::{Key, Kind, Shape};
use super::value;

/// Who the gateway is and where it listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The issuer, and what clients sign.
    pub public_url: PublicUrl,
    /// The twin that asks for client certificates, as clients reach it (RFC 8705 section 5).
    pub mtls_url: PublicUrl,
    /// The admin listener, as people and tools reach it.
    pub admin_url: PublicUrl,
    /// Addresses of the public listener; never asks for a client certificate.
    pub listen: Vec<SocketAddr>,
    /// Addresses of its twin with client certificates; empty: there is none.
    pub mtls_listen: Vec<SocketAddr>,
    /// Addresses of the admin listener, mutual TLS; empty: there is none.
    pub admin_listen: Vec<SocketAddr>,
    /// Addresses of the operations listener, plain HTTP; empty: there is none.
    pub ops_listen: Vec<SocketAddr>,
    /// Worker threads; 0 is one per core.
    pub threads: usize,
}

const ADDRESSES: Kind = Kind::List(&Kind::Text);

pub(super) const SHAPE: Shape = Shape {
    name: "server",
    meaning: "Who the gateway is and where it listens.",
    repeated: false,
    keys: &[
        Key::required(
            "public_url",
            Kind::Text,
            "Public URL: the issuer of tokens and what clients sign.",
        ),
        Key::optional(
            "mtls_url",
            Kind::Text,
            "URL of the twin with client certificates; by default public_url with the port of mtls_listen.",
        ),
        Key::optional(
            "admin_url",
            Kind::Text,
            "URL of the admin listener; by default https://localhost with the port of admin_listen.",
        ),
        Key::with_default(
            "listen",
            ADDRESSES,
            r#"["127.0.0.1:8443", "[::1]:8443"]"#,
            "Addresses of the public listener.",
        ),
        Key::with_default(
            "mtls_listen",
            ADDRESSES,
            r#"["127.0.0.1:8444", "[::1]:8444"]"#,
            "Addresses of the twin with client certificates; [] for none.",
        ),
        Key::with_default(
            "admin_listen",
            ADDRESSES,
            r#"["127.0.0.1:9443", "[::1]:9443"]"#,
            "Addresses of the admin listener; [] for none.",
        ),
        Key::with_default(
            "ops_listen",
            ADDRESSES,
            r#"["127.0.0.1:9464"]"#,
            "Addresses of the operations listener (plain HTTP); [] for none.",
        ),
        Key::with_default(
            "threads",
            Kind::Integer { least: 0, most: 1024 },
            "0",
            "Worker threads; 0 is one per core.",
        ),
    ],
    sections: &[],
};

pub(super) fn read(section: &Section<'_>) -> Option<Server> {
    let public_url = section.value("public_url", PublicUrl::read);
    let mtls_url = section.optional("mtls_url", PublicUrl::read);
    let admin_url = section.optional("admin_url", PublicUrl::read);
    let listen = section.list("listen", value::socket);
    let mtls_listen = section.list("mtls_listen", value::socket);
    let admin_listen = section.list("admin_listen", value::socket);
    let ops_listen = section.list("ops_listen", value::socket);
    let threads = section.value("threads", |value| value.integer(0, 1024));

    check_addresses(
        section,
        [
            ("listen", &listen),
            ("mtls_listen", &mtls_listen),
            ("admin_listen", &admin_listen),
            ("ops_listen", &ops_listen),
        ],
    );
    let public_url = public_url?;
    let (mtls_listen, admin_listen) = (mtls_listen?, admin_listen?);
    let port =
        |addresses: &[SocketAddr], otherwise: u16| addresses.first().map_or(otherwise, SocketAddr::port);
    Some(Server {
        mtls_url: mtls_url.unwrap_or_else(|| public_url.with_port(port(&mtls_listen, 8444))),
        admin_url: admin_url.unwrap_or_else(|| PublicUrl::localhost(port(&admin_listen, 9443))),
        public_url,
        listen: listen?,
        mtls_listen,
        admin_listen,
        ops_listen: ops_listen?,
        threads: usize::try_from(threads?).ok()?,
    })
}

type Listener<'a> = (&'static str, &'a Option<Vec<SocketAddr>>);

fn check_addresses(section: &Section<'_>, listeners: [Listener<'_>; 4]) {
    let mut seen: Vec<(SocketAddr, &str)> = Vec::new();
    for (name, addresses) in listeners {
        let Some(addresses) = addresses else { continue };
        if name == "listen" && addresses.is_empty() {
            section.fault(
                name,
                "the gateway would listen nowhere",
                "name at least one address",
            );
        }
        for address in addresses {
            if let Some((_, other)) = seen
                .iter()
                .find(|(known, _)| known == address && address.port() != 0)
            {
                section.fault(
                    name,
                    format!("{address} is taken by {other} already"),
                    "give each listener its own address",
                );
            }
            seen.push((*address, name));
            check_reach(section, name, *address);
        }
    }
}

/// A development store holds secrets that a person may have read: its gateway stays on the machine. The operations
/// listener speaks plain HTTP without authentication.
fn check_reach(section: &Section<'_>, name: &str, address: SocketAddr) {
    if address.ip().is_loopback() {
        return;
    }
    let problem = format!("{address} is reachable from other machines, and the store is a development one");
    section.add(
        Weight::UnfitForDevelopment,
        name,
        problem,
        "listen on 127.0.0.1 or [::1], or start with a new store",
    );
    if name == "ops_listen" {
        let problem = format!("{address} answers metrics in plain HTTP to other machines");
        section.add(
            Weight::Warning,
            name,
            problem,
            "listen on loopback, or see to it that only the monitoring reaches it",
        );
    }
}
