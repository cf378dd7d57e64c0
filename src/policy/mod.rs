//! Whether a request is permitted, by Cedar policies that the operator writes.
//!
//! Facts go in as plain values, a decision comes out: permit (with the exemption it rests on), challenge (with the
//! remedy that would turn it into a permit) or deny. Default deny; any evaluation error is a denial and an alarm.
//! The shipped policies carry out strong customer authentication of the PSD2 RTS (SCA-01, SCA-08, SCA-14 to SCA-24)
//! and ask for a stronger login by RFC 9470 (STEP-01).
//!
//! It must never read a clock, a store or a request, never consume what it grants (the Sealed write does), and never
//! hold a threshold, an exemption or a remedy of its own: they stand in `policies/`.

mod action;
mod alarm;
mod bundle;
mod context;
mod cure;
mod decision;
mod engine;
mod exemption;
mod facts;
mod fault;
mod given;
mod lane;
mod mentions;
mod proof;
mod question;
mod remedy;
mod rule;
mod sample;
mod scope;
mod source;
mod table;
mod validate;

pub use action::{Action, AdminAction};
pub use bundle::Bundle;
pub use decision::{Alarm, Challenge, Decision, Denial, Grant, Permit, PolicyId};
pub use exemption::{Consumption, Counter, ExemptionKind};
pub use facts::{
    Admin, Approval, Authn, Client, Counters, Device, Facts, Mandate, Network, Payee, Payment, Risk, Route,
};
pub use fault::{BundleError, Fault};
pub use proof::{Proof, Shown, prove};
pub use remedy::{ApprovalFactor, Remedy, UnknownRemedy};
pub use table::{CaseResult, Tables};

#[cfg(test)]
mod tests;
