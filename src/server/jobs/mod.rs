//! What the gateway does again and again beside answering requests: a file a job, all driven by [`Jobs`].
//!
//! A job must never keep the gateway from going away, never run twice at once, and never fail silently for good.

mod every;

pub use every::Jobs;
