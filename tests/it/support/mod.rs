//! A whole gateway on real sockets, a backend that writes down what it gets, and a caller that can forge every part of a
//! request. The caller makes proofs and signatures by hand, so that a fault in the product's own client or signature code
//! cannot hide one in the gate.

mod answer;
mod backend;
mod caller;
mod draft;
mod flood;
pub(crate) mod frames;
mod gateway;
mod home;
mod patience;
mod ports;
mod proof;
mod signature;
mod wire;

pub(crate) use answer::Answer;
pub(crate) use backend::{Backend, Deed, Seen, server_tls};
pub(crate) use caller::{Caller, Login};
pub(crate) use draft::Draft;
pub(crate) use flood::Besieged;
pub(crate) use gateway::TestGateway;
pub(crate) use home::{Home, Setting, Shared, write_private};
pub(crate) use patience::{found, in_the_end, in_time};
pub(crate) use proof::{Proof, jwt};
pub(crate) use signature::Signature;
pub(crate) use wire::{OpenConnection, Protocol, Received, Wire};

/// What an honest app pays with: under the low-value limit.
pub(crate) const PAYMENT: &str = concat!(
    r#"{"instructedAmount":{"amount":"12.50","currency":"EUR"},"creditorAccount":{"iban":"DE89370400440532013000"},"#,
    r#""creditorName":"Bob's Books","debtorAccount":{"iban":"DE02120300000000202051"},"#,
    r#""remittanceInformationUnstructured":"Order 17"}"#
);

/// [`PAYMENT`] over another amount.
pub(crate) fn payment_of(amount: &str) -> String {
    PAYMENT.replace("12.50", amount)
}
