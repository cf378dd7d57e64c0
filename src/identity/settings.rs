//! What the configuration says about customers and their logins, as plain values.

use std::time::Duration;

/// Parameters of argon2id (RFC 9106).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordParameters {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for PasswordParameters {
    /// 19 MiB, two passes, one lane: OWASP's floor (PWD-06).
    fn default() -> Self {
        Self {
            memory_kib: 19_456,
            passes: 2,
            lanes: 1,
        }
    }
}

/// How guessing is slowed down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThrottleRule {
    /// Failures in a row before a block (SCA-05: at most five).
    pub failures_before_block: u32,
    /// The first block; each further one is twice as long.
    pub first_block: Duration,
    /// The longest block.
    pub longest_block: Duration,
    /// Failures in a row after which the factor is off until it is bound anew (AAL-06: at most 100).
    pub failures_before_off: u32,
}

impl Default for ThrottleRule {
    fn default() -> Self {
        Self {
            failures_before_block: 5,
            first_block: Duration::from_secs(5 * 60),
            longest_block: Duration::from_secs(60 * 60),
            failures_before_off: 100,
        }
    }
}

/// Everything `identity` is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Cost of a password hash made now.
    pub password: PasswordParameters,
    /// Memory that hashing may hold, busy or not, in bytes.
    pub hash_memory: usize,
    /// Threads that hash; fewer where the memory is not enough for a hash on each.
    pub hash_threads: usize,
    /// Hashes that may wait for a thread; more are refused.
    pub hash_waiting: usize,
    /// How guessing is slowed down.
    pub throttle: ThrottleRule,
    /// Life of a session, however busy it is.
    pub session_life: Duration,
    /// Inactivity that ends a session of a first-party app (SCA-06: at most five minutes).
    pub session_idle: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            password: PasswordParameters::default(),
            hash_memory: 128 * 1024 * 1024,
            hash_threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            hash_waiting: 64,
            throttle: ThrottleRule::default(),
            session_life: Duration::from_secs(24 * 60 * 60),
            session_idle: Duration::from_secs(5 * 60),
        }
    }
}
