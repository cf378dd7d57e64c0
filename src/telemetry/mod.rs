//! What the gateway tells its operators: a log, an access log, metrics and health, and the plain HTTP routes of the operations
//! listener.
//!
//! It must never say anything about a person or a secret. In log lines, metric labels and health reasons stand only names
//! from the configuration, codes, counts, durations and identifiers of ours ([`RequestId`](crate::base::RequestId),
//! [`CustomerId`](crate::base::CustomerId)): no username, account, amount, body, header value, token, proof, cookie, key, or
//! address of a client beyond the connection's own log line. Values a peer has chosen are written escaped (HDR-06), and
//! never become the label of a metric.

mod access_log;
mod health;
mod log;
mod metrics;
mod operations;
mod series;

pub use access_log::{AccessLine, AccessLog, Destination};
pub use health::{Check, Health, Readiness};
pub use log::{Format, LogError, start};
pub use metrics::{Label, Metrics, names};
pub use operations::operations;
pub use series::{ByStatusClass, Counter, StatusClass, Timer};
