//! `[identity]`: how long a login lasts, and what a password costs to check.

use std::time::Duration;

use super::quantity::{duration_within, size_within};
use super::section::Section;
use super::shape::{Key, Kind, Shape};
use crate::base::limits;

/// Lifetimes of what a login yields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Access tokens.
    pub access_token_lifetime: Duration,
    /// Refresh tokens, from the login, whatever their use.
    pub refresh_token_lifetime: Duration,
    /// A session, from the login, whatever its use.
    pub session_lifetime: Duration,
    /// A session without activity.
    pub session_idle: Duration,
    /// One step of a first-party login.
    pub auth_session_lifetime: Duration,
    /// An authorization code, until it is redeemed.
    pub code_lifetime: Duration,
    /// How passwords are hashed.
    pub password: Password,
}

/// Parameters of argon2id (RFC 9106).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Password {
    /// Memory of one hash, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes.
    pub parallelism: u32,
    /// Memory that hashing holds at most, in bytes.
    pub memory_budget: u64,
}

pub(super) const SHAPE: Shape = Shape {
    name: "identity",
    meaning: "How long a login lasts, and what a password costs to check.",
    repeated: false,
    keys: &[
        Key::with_default(
            "access_token_lifetime",
            Kind::Duration,
            "\"5m\"",
            "Lifetime of access tokens; 30s to 15m.",
        ),
        Key::with_default(
            "refresh_token_lifetime",
            Kind::Duration,
            "\"30d\"",
            "Lifetime of refresh tokens from the login on; 1h to 365d.",
        ),
        Key::with_default(
            "session_lifetime",
            Kind::Duration,
            "\"12h\"",
            "Lifetime of a session from the login on; 5m to 90d.",
        ),
        Key::with_default(
            "session_idle",
            Kind::Duration,
            "\"5m\"",
            "Inactivity after which account access ends; 1m to 5m (PSD2 RTS article 4(3)(d)).",
        ),
        Key::with_default(
            "auth_session_lifetime",
            Kind::Duration,
            "\"5m\"",
            "Lifetime of one step of a first-party login; 30s to 5m.",
        ),
        Key::with_default(
            "code_lifetime",
            Kind::Duration,
            "\"60s\"",
            "Lifetime of an authorization code; 5s to 60s (FAPI 2.0 section 5.3.2.1).",
        ),
    ],
    sections: &[&PASSWORD],
};

/// Most passes, as a number of the configuration.
const PASSES: i64 = limits::PASSWORD_HASH_PASSES as i64;
/// Most lanes, as a number of the configuration.
const LANES: i64 = limits::PASSWORD_HASH_LANES as i64;

const PASSWORD: Shape = Shape {
    name: "password",
    meaning: "Parameters of argon2id (RFC 9106) for new password hashes.",
    repeated: false,
    keys: &[
        Key::with_default(
            "memory",
            Kind::Size,
            "\"19MiB\"",
            "Memory of one hash; 8MiB to 1GiB.",
        ),
        Key::with_default(
            "iterations",
            Kind::Integer {
                least: 1,
                most: PASSES,
            },
            "2",
            "Passes over the memory.",
        ),
        Key::with_default(
            "parallelism",
            Kind::Integer {
                least: 1,
                most: LANES,
            },
            "1",
            "Lanes.",
        ),
        Key::with_default(
            "memory_budget",
            Kind::Size,
            "\"152MiB\"",
            "Memory that hashing holds at most, busy or not; at least that of one hash, and of the largest that is stored.",
        ),
    ],
    sections: &[],
};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const DAY_S: u64 = 86_400;

pub(super) fn read(section: &Section<'_>) -> Option<Identity> {
    let time = |name, least, most| section.value(name, duration_within(seconds(least), seconds(most)));
    let access_token_lifetime = time("access_token_lifetime", 30, 15 * 60);
    let refresh_token_lifetime = time("refresh_token_lifetime", 3600, 365 * DAY_S);
    let session_lifetime = time("session_lifetime", 5 * 60, 90 * DAY_S);
    let session_idle = time("session_idle", 60, 5 * 60);
    let auth_session_lifetime = time("auth_session_lifetime", 30, 5 * 60);
    let code_lifetime = time("code_lifetime", 5, 60);
    let password = section
        .section("password")
        .and_then(|section| read_password(&section));
    Some(Identity {
        access_token_lifetime: access_token_lifetime?,
        refresh_token_lifetime: refresh_token_lifetime?,
        session_lifetime: session_lifetime?,
        session_idle: session_idle?,
        auth_session_lifetime: auth_session_lifetime?,
        code_lifetime: code_lifetime?,
        password: password?,
    })
}

fn read_password(section: &Section<'_>) -> Option<Password> {
    let memory = section.value(
        "memory",
        size_within(8 << 20, u64::from(limits::PASSWORD_HASH_KIB) << 10),
    );
    let iterations = section.value("iterations", |value| value.integer(1, PASSES));
    let parallelism = section.value("parallelism", |value| value.integer(1, LANES));
    let memory_budget = section.value("memory_budget", size_within(8 << 20, 1 << 40));
    let (memory, memory_budget) = (memory?, memory_budget?);
    if memory_budget < memory {
        section.fault(
            "memory_budget",
            "the budget is smaller than one hash needs",
            "write at least the value of memory",
        );
    }
    Some(Password {
        memory_kib: u32::try_from(memory >> 10).ok()?,
        iterations: u32::try_from(iterations?).ok()?,
        parallelism: u32::try_from(parallelism?).ok()?,
        memory_budget,
    })
}
