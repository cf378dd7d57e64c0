//! What the policies answer.

use std::fmt;
use std::sync::Arc;

use super::exemption::{Consumption, ExemptionKind};
use super::remedy::{ApprovalFactor, Remedy};

/// The answer to one set of facts. A pure value: nothing is consumed or stored by deciding.
#[derive(Clone, Debug)]
pub enum Decision {
    /// Go on.
    Permit(Permit),
    /// Not like this, but it would be permitted once the customer has taken the remedy.
    Challenge(Challenge),
    /// No.
    Deny(Denial),
}

/// Permission, and what it costs.
#[derive(Clone, Debug)]
pub struct Permit {
    /// The policies that permitted, in file order.
    pub policies: Vec<PolicyId>,
    /// The exemption without which it would not have been permitted; the Sealed write consumes it.
    pub exemption: Option<Grant>,
    /// Version of the bundle that decided.
    pub version: Arc<str>,
}

/// An exemption that the policies of action `exempt` granted to this payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Its name in the Txn-Token and the receipt.
    pub kind: ExemptionKind,
    /// The policy that granted it.
    pub policy: PolicyId,
    /// The counter it uses up; none for a trusted payee.
    pub consumes: Option<Consumption>,
}

/// A refusal with a cure.
#[derive(Clone, Debug)]
pub struct Challenge {
    /// What to do first; with several forbids a login comes before identification, and that before an approval.
    pub remedy: Remedy,
    /// For an approval: every factor with which the request would be permitted, the policy's own first.
    pub factors: Vec<ApprovalFactor>,
    /// The `@reason` of the forbid that named the remedy; safe for the client to read.
    pub reason: Arc<str>,
    /// The forbids that fired, in file order.
    pub policies: Vec<PolicyId>,
    /// Version of the bundle that decided.
    pub version: Arc<str>,
}

/// A refusal.
#[derive(Clone, Debug)]
pub struct Denial {
    /// Safe for the client to read: the `@reason` of the first forbid that nothing cures, or a fixed sentence.
    pub reason: Arc<str>,
    /// The forbids that fired, in file order; none when simply nothing permitted.
    pub policies: Vec<PolicyId>,
    /// What went wrong while evaluating. Not empty means: raise an alarm, whatever the facts were.
    pub alarms: Vec<Alarm>,
    /// Version of the bundle that decided.
    pub version: Arc<str>,
}

impl Denial {
    /// Whether the denial is the gateway's or its policies' fault and somebody must look.
    pub fn alarm(&self) -> bool {
        !self.alarms.is_empty()
    }
}

/// An evaluation that failed. Holds no value of the facts, so it can be logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// The policy that failed; absent when the facts themselves were incomplete.
    pub policy: Option<PolicyId>,
    /// What kind of failure.
    pub cause: &'static str,
}

/// A policy's `@id`. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyId(Arc<str>);

impl PolicyId {
    pub(super) fn new(id: &str) -> Self {
        Self(Arc::from(id))
    }

    /// The text of `@id`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PolicyId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}
