//! Leaving the journey early: the exchange it ends, and why.

use super::exchange::Exchange;
use crate::base::{ClientId, Code, CustomerId, Fault};

/// A request that goes no further.
pub(super) struct Refused {
    pub(super) exchange: Box<Exchange>,
    pub(super) fault: Fault,
    /// Who was refused, once that is known.
    pub(super) caller: Option<(CustomerId, ClientId)>,
}

impl Refused {
    pub(super) fn new(exchange: Box<Exchange>, fault: impl Into<Fault>) -> Self {
        Self {
            exchange,
            fault: fault.into(),
            caller: None,
        }
    }

    pub(super) fn of(mut self, customer: &CustomerId, client: &ClientId) -> Self {
        self.caller = Some((customer.clone(), client.clone()));
        self
    }
}

/// A fault in the headers that the code's own advice does not explain well enough.
pub(super) fn malformed(detail: &'static str) -> Fault {
    Fault::new(Code::RequestMalformed).detail(detail)
}
