//! `[defense]`: limits that make a flood expensive for its sender only.

use std::time::Duration;

use super::quantity::duration_within;
use super::section::Section;
use super::shape::{Key, Kind, Shape};
use super::value::{self, Network};

/// Limits on connections, heads and bodies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defense {
    /// Networks that bans and source rate limits, once there are any, leave alone.
    pub trusted_sources: Vec<Network>,
    /// Connections open at once.
    pub connections: usize,
    /// Longest TLS handshake.
    pub handshake_timeout: Duration,
    /// Longest wait for a complete request head; an HTTP/1.1 connection waits no longer for its next one.
    pub header_timeout: Duration,
    /// Longest wait for a complete request body.
    pub body_timeout: Duration,
    /// Longest time a connection stays open without a request.
    pub idle_timeout: Duration,
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
            "Networks exempt from bans and source rate limits, and from nothing else; this version has none of these yet.",
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
            "handshake_timeout",
            Kind::Duration,
            "\"10s\"",
            "Longest TLS handshake; 100ms to 1m.",
        ),
        Key::with_default(
            "header_timeout",
            Kind::Duration,
            "\"10s\"",
            "Longest wait for a complete request head, also for the next one of an HTTP/1.1 connection; 100ms to 1m.",
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
            "Longest time a connection stays open without a request; 1s to 1h.",
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

    let trusted_sources = section.list("trusted_sources", value::network);
    let connections = count("connections", 1, 1_000_000);
    let handshake_timeout = time("handshake_timeout", 100, MINUTE_MS);
    let header_timeout = time("header_timeout", 100, MINUTE_MS);
    let body_timeout = time("body_timeout", 100, 10 * MINUTE_MS);
    let idle_timeout = time("idle_timeout", SECOND_MS, HOUR_MS);
    let drain = time("drain", SECOND_MS, 10 * MINUTE_MS);
    Some(Defense {
        trusted_sources: trusted_sources?,
        connections: usize::try_from(connections?).ok()?,
        handshake_timeout: handshake_timeout?,
        header_timeout: header_timeout?,
        body_timeout: body_timeout?,
        idle_timeout: idle_timeout?,
        drain: drain?,
    })
}
