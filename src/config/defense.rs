//! `[defense]`: limits that make a flood expensive for its sender only.

use std::time::Duration;

use super::floods::{self, Floods};
use super::quantity::{duration_within, size_within};
use super::section::Section;
use super::shape::{Key, Kind, Shape};
use super::value::{self, Network};

/// Limits on connections, heads and bodies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defense {
    /// Networks that bans and source rate limits leave alone.
    pub trusted_sources: Vec<Network>,
    /// Connections open at once at the public listener, and as many at its twin. The admin and the operations listener
    /// have their own.
    pub connections: usize,
    /// Connections of one source open at once at one of them. An IPv6 network of 64 bits is one source; the
    /// /48 around it gets 16 times as many, at most half of all.
    pub connections_per_source: usize,
    /// Bytes of request bodies in memory at once; one source gets [`SOURCE_PART`] of them. Answers that were not taken get four
    /// times as much.
    pub buffered_bytes: u64,
    /// Longest TLS handshake.
    pub handshake_timeout: Duration,
    /// Longest time from the first byte of a request head to its last.
    pub header_timeout: Duration,
    /// Longest wait for a complete request body.
    pub body_timeout: Duration,
    /// Longest time a client may take nothing, or next to nothing, of its answer.
    pub answer_timeout: Duration,
    /// Longest time a connection stays open without a request.
    pub idle_timeout: Duration,
    /// How long open requests may take to finish when the gateway stops.
    pub drain: Duration,
    /// Rates, bans and shedding.
    pub floods: Floods,
}

impl Defense {
    /// Whether `other` differs in nothing that needs a restart.
    pub(super) fn follows(&self, other: &Self) -> bool {
        let live = Self {
            trusted_sources: other.trusted_sources.clone(),
            floods: other.floods.clone(),
            ..self.clone()
        };
        live == *other
    }
}

/// One source gets this part of the bytes for bodies: with a quarter each it takes four that work together to fill them, and
/// a source that many share (a company, a mobile network) still gets far.
pub const SOURCE_PART: u64 = 4;

/// Less would not hold one body of the authorization server for each of a few callers.
const BUFFERED_LEAST: u64 = 1 << 20;
/// More than the memory of most machines.
const BUFFERED_MOST: u64 = 64 << 30;

impl Defense {
    /// The largest body that one source can have read.
    #[must_use]
    pub const fn largest_body(&self) -> u64 {
        self.buffered_bytes / SOURCE_PART
    }
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
        floods::SOURCE_RATE,
        floods::OAUTH_RATE,
        floods::CUSTOMER_RATE,
        floods::CLIENT_RATE,
        floods::BAN_AFTER,
        floods::BAN,
        floods::BAN_LONGEST,
        floods::QUEUE_TARGET,
        Key::with_default(
            "connections",
            Kind::Integer {
                least: 1,
                most: 1_000_000,
            },
            "20000",
            "Connections open at once at the public listener, and as many at its twin.",
        ),
        Key::with_default(
            "connections_per_source",
            Kind::Integer {
                least: 1,
                most: 1_000_000,
            },
            "512",
            "Connections of one source open at once at one listener; an IPv6 network of 64 bits is one source, and its /48 gets 16 times as many, at most half of all.",
        ),
        Key::with_default(
            "buffered_bytes",
            Kind::Size,
            "\"32MiB\"",
            "Request bodies in memory at once, of which one source gets a quarter; answers that were not taken get four times as much; 1MiB to 64GiB.",
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
            "Longest time from the first byte of a request head to its last; 100ms to 1m.",
        ),
        Key::with_default(
            "body_timeout",
            Kind::Duration,
            "\"30s\"",
            "Longest wait for a complete request body; 100ms to 10m.",
        ),
        Key::with_default(
            "answer_timeout",
            Kind::Duration,
            "\"30s\"",
            "Longest time a client may take to read 64 KiB of its answer; 100ms to 10m.",
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
    let floods = floods::read(section);
    let connections = count("connections", 1, 1_000_000);
    let connections_per_source = count("connections_per_source", 1, 1_000_000);
    let buffered_bytes = section.value("buffered_bytes", size_within(BUFFERED_LEAST, BUFFERED_MOST));
    let handshake_timeout = time("handshake_timeout", 100, MINUTE_MS);
    let header_timeout = time("header_timeout", 100, MINUTE_MS);
    let body_timeout = time("body_timeout", 100, 10 * MINUTE_MS);
    let answer_timeout = time("answer_timeout", 100, 10 * MINUTE_MS);
    let idle_timeout = time("idle_timeout", SECOND_MS, HOUR_MS);
    let drain = time("drain", SECOND_MS, 10 * MINUTE_MS);
    Some(Defense {
        trusted_sources: trusted_sources?,
        connections: usize::try_from(connections?).ok()?,
        connections_per_source: usize::try_from(connections_per_source?).ok()?,
        buffered_bytes: buffered_bytes?,
        handshake_timeout: handshake_timeout?,
        header_timeout: header_timeout?,
        body_timeout: body_timeout?,
        answer_timeout: answer_timeout?,
        idle_timeout: idle_timeout?,
        drain: drain?,
        floods: floods?,
    })
}
