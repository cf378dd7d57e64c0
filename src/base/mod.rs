//! The ground everything stands on: time, randomness, names, secrets, limits, faults, events and facts of a connection.
//!
//! It must never read the clock or the operating system's randomness anywhere but in [`clock`] and [`entropy`], and knows
//! nothing of HTTP beyond the status that belongs to a fault.

pub mod clock;
pub mod connection;
pub mod decimal;
pub mod entropy;
pub mod event;
pub mod fault;
pub mod id;
pub mod limits;
pub mod runtime_number;
pub mod secret;
pub mod source_prefix;

pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use connection::{ChannelBinding, ClientCertificate, Connection, Door};
pub use decimal::Decimal;
pub use entropy::{Entropy, SystemEntropy};
pub use event::Event;
pub use fault::{Code, Fault};
pub use id::{
    AdminName, ClientId, CustomerId, DeviceId, RequestId, RouteName, SessionId, TokenId, TransactionId,
};
pub use runtime_number::RuntimeNumber;
pub use secret::Secret;
pub use source_prefix::SourcePrefix;
