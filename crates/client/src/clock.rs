//! Time as an argument, so that a test can stand at any moment.

/// Where the time comes from.
pub trait Clock: Send + Sync + 'static {
    /// Now, in whole seconds since 1970, as proofs and signatures carry it.
    fn now(&self) -> i64;
}

/// The operating system's clock. The gateway takes proofs that are at most 60 seconds old and 10 ahead.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place of this crate that reads the wall clock"
    )]
    fn now(&self) -> i64 {
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .ok()
            .and_then(|since| i64::try_from(since.as_secs()).ok())
            .unwrap_or_default()
    }
}
