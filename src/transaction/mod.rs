//! Payments: what the customer agreed to, which exemption it may use, and that it happens at most once.
//!
//! * [`extract`] reads the intent from a body by the route's mapping;
//! * [`exemption`] keeps the low-value counters (SCA-19), [`payee`] the customer's trusted payees (SCA-17),
//!   and [`standing`] is what both say about one payment;
//! * [`idempotency`] keeps what became of every payment (draft-ietf-httpapi-idempotency-key-header);
//! * [`underway`] knows which payments of this process are between their two writes;
//! * [`settlement`] is how an unknown outcome becomes known, and [`inquiry`] when what a backend says about it counts.
//!
//! It adds its statements to the gate's one Sealed write and decides nothing: thresholds stand in the policies.

pub mod exemption;
pub mod extract;
pub mod idempotency;
pub mod inquiry;
pub mod payee;
pub mod settlement;
pub mod standing;
pub mod underway;

#[cfg(test)]
mod tests;
