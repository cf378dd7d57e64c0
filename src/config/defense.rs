//! `[defense]`: limits that make a flood expensive for its sender only.

use std::time::Duration;

use super::quantity::{Rate, duration_within, rate, size_within};
use super::section::Section;
use super::shape::{Key, Kind, Shape};
use super::value::{self, Network};

/// Limits on connections, heads, bodies and rates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defense {
    /// Networks exempt from bans and source rate limits, and from nothing else.
    pub trusted_sources: Vec<Network>,
    /// Connections open at once.
    pub connections: usize,
    /// Connections open at once from one source.
    pub connections_per_source: usize,
    /// Longest TLS handshake.
    pub handshake_timeout: Duration,
    /// Longest wait for a complete request head.
    pub header_timeout: Duration,
    /// Longest wait for a complete request body.
    pub body_timeout: Duration,
    /// Longest time an idle connection stays open.
    pub idle_timeout: Duration,
    /// Headers of a request.
    pub header_count: usize,
    /// Bytes of a request's headers.
    pub header_bytes: usize,
    /// Bytes of a request's target.
    pub uri_bytes: usize,
    /// Bytes of buffered bodies, of all requests together.
    pub buffered_bytes: u64,
    /// Requests from one source.
    pub source_rate: Rate,
    /// Requests of one customer.
    pub customer_rate: Rate,
    /// Requests of one client.
    pub client_rate: Rate,
    /// How long a flooding source stays banned.
    pub ban: Duration,
    /// How long open requests may take to finish when the gateway stops.
    pub drain: Duration,
}

pub(super) const SHAPE: Shape = Shape {
    name: "defense",
    meaning: "Limits that make a flood expensive for its sender only.",
    repeated: false,
    keys: &[
        Key::with_default(
            "trusted_sources",
            Kind::List(&Kind::Text),
            "[]",
            "Networks exempt from bans and source rate limits, and from nothing else.",
        ),
        Key::with_default(
            "connections",
            Kind::Integer {
                least: 1,
                most: 1_000_000,
            },
            "20000",
            "Connections open at once.",
        ),
        Key::with_default(
            "connections_per_source",
            Kind::Integer {
                least: 1,
                most: 1_000_000,
            },
            "200",
            "Connections open at once from one source.",
        ),
        Key::with_default(
            "handshake_timeout",
            Kind::Duration,
            "\"10s\"",
            "Longest TLS handshake; 100ms to 1m.",
        ),
        Key::with_default(
            "header_timeout",
            Kind::Duration,
            "\"10s\"",
            "Longest wait for a complete request head; 100ms to 1m.",
        ),
        Key::with_default(
            "body_timeout",
            Kind::Duration,
            "\"30s\"",
            "Longest wait for a complete request body; 100ms to 10m.",
        ),
        Key::with_default(
            "idle_timeout",
            Kind::Duration,
            "\"75s\"",
            "Longest time an idle connection stays open; 1s to 1h.",
        ),
        Key::with_default(
            "header_count",
            Kind::Integer {
                least: 16,
                most: 1000,
            },
            "100",
            "Headers of a request.",
        ),
        Key::with_default(
            "header_bytes",
            Kind::Size,
            "\"32KiB\"",
            "Bytes of a request's headers; 4KiB to 1MiB.",
        ),
        Key::with_default(
            "uri_bytes",
            Kind::Size,
            "\"8KiB\"",
            "Bytes of a request's target; 256B to 64KiB.",
        ),
        Key::with_default(
            "buffered_bytes",
            Kind::Size,
            "\"256MiB\"",
            "Bytes of buffered bodies, of all requests together; from 1MiB.",
        ),
        Key::with_default(
            "source_rate",
            Kind::Rate,
            "\"50/s burst 200\"",
            "Requests from one source.",
        ),
        Key::with_default(
            "customer_rate",
            Kind::Rate,
            "\"20/s burst 60\"",
            "Requests of one customer.",
        ),
        Key::with_default(
            "client_rate",
            Kind::Rate,
            "\"1000/s burst 2000\"",
            "Requests of one client.",
        ),
        Key::with_default(
            "ban",
            Kind::Duration,
            "\"10m\"",
            "How long a flooding source stays banned; 1s to 7d.",
        ),
        Key::with_default(
            "drain",
            Kind::Duration,
            "\"30s\"",
            "How long open requests may take to finish when the gateway stops; 1s to 10m.",
        ),
    ],
    sections: &[],
};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const HOUR_MS: u64 = 60 * MINUTE_MS;

pub(super) fn read(section: &Section<'_>) -> Option<Defense> {
    let count = |name, least, most| section.value(name, |value| value.integer(least, most));
    let time = |name, least, most| section.value(name, duration_within(ms(least), ms(most)));
    let bytes = |name, least, most| section.value(name, size_within(least, most));

    let trusted_sources = section.list("trusted_sources", value::network);
    let connections = count("connections", 1, 1_000_000);
    let connections_per_source = count("connections_per_source", 1, 1_000_000);
    let handshake_timeout = time("handshake_timeout", 100, MINUTE_MS);
    let header_timeout = time("header_timeout", 100, MINUTE_MS);
    let body_timeout = time("body_timeout", 100, 10 * MINUTE_MS);
    let idle_timeout = time("idle_timeout", SECOND_MS, HOUR_MS);
    let header_count = count("header_count", 16, 1000);
    let header_bytes = bytes("header_bytes", 4 << 10, 1 << 20);
    let uri_bytes = bytes("uri_bytes", 256, 64 << 10);
    let buffered_bytes = bytes("buffered_bytes", 1 << 20, 1 << 40);
    let source_rate = section.value("source_rate", rate);
    let customer_rate = section.value("customer_rate", rate);
    let client_rate = section.value("client_rate", rate);
    let ban = time("ban", SECOND_MS, 7 * 24 * HOUR_MS);
    let drain = time("drain", SECOND_MS, 10 * MINUTE_MS);
    Some(Defense {
        trusted_sources: trusted_sources?,
        connections: usize::try_from(connections?).ok()?,
        connections_per_source: usize::try_from(connections_per_source?).ok()?,
        handshake_timeout: handshake_timeout?,
        header_timeout: header_timeout?,
        body_timeout: body_timeout?,
        idle_timeout: idle_timeout?,
        header_count: usize::try_from(header_count?).ok()?,
        header_bytes: usize::try_from(header_bytes?).ok()?,
        uri_bytes: usize::try_from(uri_bytes?).ok()?,
        buffered_bytes: buffered_bytes?,
        source_rate: source_rate?,
        customer_rate: customer_rate?,
        client_rate: client_rate?,
        ban: ban?,
        drain: drain?,
    })
}
